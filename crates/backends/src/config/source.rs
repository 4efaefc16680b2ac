//! Where settings come from: the environment over a file, both as texts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::error::{ConfigError, Fault};
use super::settings::SETTINGS;

/// What every setting's name begins with.
const PREFIX: &str = "SKYNET_";

/// Names that tell commands who calls a server, and are no settings.
const CALLER: [&str; 3] = ["SKYNET_TOKEN", "SKYNET_USER", "SKYNET_PASSWORD"];

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "skynet.toml";

/// The largest file of settings, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// The settings that are given, by name. Empty values count as not given.
pub(crate) struct Source(BTreeMap<&'static str, String>);

impl Source {
    /// Reads the file and puts the environment over it.
    pub(crate) fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut given = read_file(file)?;
        for (name, value) in environment {
            let is_setting = |name: &&str| name.starts_with(PREFIX) && !CALLER.contains(name);
            let Some(name) = name.to_str().filter(is_setting) else {
                continue;
            };
            let known = known(name)?;
            let value = value
                .into_string()
                .map_err(|_| ConfigError::new(name, Fault::Malformed("UTF-8")))?;
            given.insert(known, value);
        }
        given.retain(|_, value| !value.trim().is_empty());
        Ok(Self(given))
    }

    /// The value of a setting, trimmed.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    /// The value of a setting, read by `read`; `fallback` when it is not given.
    pub(crate) fn parse<T>(
        &self,
        name: &'static str,
        form: &'static str,
        fallback: T,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        match self.get(name) {
            None => Ok(fallback),
            Some(text) => read(text).ok_or_else(|| ConfigError::new(name, Fault::Malformed(form))),
        }
    }
}

fn known(name: &str) -> Result<&'static str, ConfigError> {
    SETTINGS
        .iter()
        .map(|it| it.name)
        .find(|it| *it == name)
        .ok_or_else(|| ConfigError::new(name, Fault::Unknown))
}

fn read_file(named: Option<&Path>) -> Result<BTreeMap<&'static str, String>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let shown = path.display().to_string();
    let unreadable = |kind| ConfigError::new(shown.clone(), Fault::Unreadable(kind));
    let text = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(unreadable(error.kind())),
        Ok(meta) if meta.len() > FILE_MAX_BYTES => {
            return Err(unreadable(ErrorKind::FileTooLarge));
        }
        Ok(_) => fs::read_to_string(path).map_err(|error| unreadable(error.kind()))?,
    };
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        // The message of the parser may quote the line, and the line may be a secret.
        let end = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text
            .get(..end)
            .map_or(0, |before| before.matches('\n').count());
        ConfigError::new(shown.clone(), Fault::NotToml(line))
    })?;
    let mut given = BTreeMap::new();
    for (name, value) in table {
        let known = known(&name)?;
        let value = text_of(value).ok_or_else(|| ConfigError::new(name, Fault::Kind))?;
        given.insert(known, value);
    }
    Ok(given)
}

fn text_of(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                toml::Value::String(text) => Some(text),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(|items| items.join(",")),
        _ => None,
    }
}
