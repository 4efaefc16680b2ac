//! `skynet config check`.

use super::Context;
use process::Failure;
use process::output;

/// Checks every setting and shows what is in force, without secrets.
pub(super) fn check(context: &Context) -> Result<(), Failure> {
    context.config()?;
    let settings =
        backends::in_force(context.config_file.as_deref()).map_err(Failure::configuration)?;
    let rows: Vec<[String; 3]> = settings
        .into_iter()
        .map(|it| {
            let origin = if it.given { "given" } else { "default" };
            [it.name.to_owned(), origin.to_owned(), it.value]
        })
        .collect();
    output::table(["SETTING", "FROM", "VALUE"], &rows);
    output::line("the configuration can be used");
    Ok(())
}
