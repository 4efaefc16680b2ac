//! The key that signs tokens.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process;

use kernel::{Entropy, Secret};
use token_jwt::{JwtCodec, KeyError, SigningKey};

use crate::ports::Makes;
use crate::{Config, OpenError, OsEntropy, Signing, lock};

/// Who makes the tokens, and for whom.
const ISSUER: &str = "skynet";
const AUDIENCE: &str = "skynet-api";

/// The secret that is made at the first start, in the data folder.
const MADE_FILE: &str = "jwt-secret";

/// The largest key file, in bytes.
const KEY_FILE_MAX_BYTES: u64 = 64 * 1024;

/// Makes and reads the tokens of this installation. A secret that was never made is made now; who
/// makes nothing gets one that nobody else knows.
///
/// # Errors
///
/// [`OpenError::SigningKey`] or [`OpenError::Folder`].
pub(crate) fn tokens(config: &Config, makes: Makes) -> Result<JwtCodec, OpenError> {
    let key = match &config.signing {
        Signing::Secret(secret) => {
            SigningKey::from_secret(secret).map_err(|error| refused("SKYNET_JWT_SECRET", &error))?
        }
        Signing::KeyFile(file) => {
            const SETTING: &str = "SKYNET_JWT_PRIVATE_KEY_FILE";
            let pem = read(file).map_err(|error| OpenError::SigningKey {
                setting: SETTING,
                fault: format!("the file cannot be read: {}", error.kind()),
            })?;
            SigningKey::from_pem(&pem).map_err(|error| refused(SETTING, &error))?
        }
        Signing::Made => {
            let file = made_file(config);
            let secret = match read(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => match makes {
                    Makes::WhatIsMissing => make(&file),
                    Makes::Nothing => Ok(Secret::new(fresh_secret())),
                },
                other => other,
            };
            let secret = secret.map_err(OpenError::Folder)?;
            SigningKey::from_secret(&secret).map_err(|error| refused("SKYNET_DATA_DIR", &error))?
        }
    };
    Ok(JwtCodec::new(key, ISSUER, AUDIENCE))
}

/// Where a made secret is kept.
pub(crate) fn made_file(config: &Config) -> PathBuf {
    config.data_dir.join(MADE_FILE)
}

fn refused(setting: &'static str, error: &KeyError) -> OpenError {
    OpenError::SigningKey {
        setting,
        fault: error.to_string(),
    }
}

fn read(file: &Path) -> io::Result<Secret<String>> {
    let mut text = String::new();
    File::open(file)?
        .take(KEY_FILE_MAX_BYTES)
        .read_to_string(&mut text)?;
    Ok(Secret::new(text))
}

fn fresh_secret() -> String {
    let mut text = String::new();
    for _ in 0..Signing::SECRET_MIN_BYTES / 8 {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{:016x}", OsEntropy.random_u64());
    }
    text
}

/// Makes a secret that only this user can read. It is there whole or not at all, and of several
/// processes that make one at the same time all get the same.
fn make(file: &Path) -> io::Result<Secret<String>> {
    let text = fresh_secret();
    if let Some(folder) = file.parent() {
        lock::make(folder)?;
    }
    let fresh = file.with_extension(format!("new.{}", process::id()));
    let mut out = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&fresh)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    let linked = fs::hard_link(&fresh, file);
    fs::remove_file(&fresh)?;
    match linked {
        Ok(()) => Ok(Secret::new(text)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(error),
    }
}
