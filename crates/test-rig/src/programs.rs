//! Where the servers' programs are.

use std::path::{Path, PathBuf};

use crate::RigError;

/// Where programs are that are on nobody's `PATH`.
const USUAL_PLACES: [&str; 6] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/libexec",
    "/usr/lib/rabbitmq/bin",
    "/opt/rabbitmq/sbin",
];

/// The first of `names` that is there.
pub(crate) fn find(names: &[&str], package: &'static str) -> Result<PathBuf, RigError> {
    // The distribution's wrappers in /usr/sbin change user and folder; the scripts themselves
    // come first.
    let own = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = own
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .chain(USUAL_PLACES.iter().map(PathBuf::from));
    let places: Vec<PathBuf> = places.collect();
    names
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)))
        .find(|it| it.is_file())
        .ok_or_else(|| RigError::Missing {
            program: names.join(" or "),
            package,
        })
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|it| it.uid() == 0)
}
