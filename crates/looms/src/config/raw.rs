//! The configuration as it was found, before anybody judged it.
//!
//! Owns the search for the file and the bounds of reading it. Knows nothing of settings.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::{DATA_DIR, Environment};
use super::flags::Flags;
use super::problem::{Origin, Problem};

/// The file's name in the data directory.
const FILE_NAME: &str = "looms.yaml";

/// Far more than all settings with comments: a larger file is not a configuration.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What was found in the three sources.
#[derive(Clone, Debug)]
pub struct RawConfig {
    /// The command line.
    pub flags: Flags,
    /// The environment.
    pub environment: Environment,
    /// Where data lies; empty where `problems` says that it is unknown.
    pub data_dir: PathBuf,
    /// The file; `None` where there is none, which is fine unless `--config` named it.
    pub file: Option<ConfigFile>,
    /// What went wrong while reading.
    pub problems: Vec<Problem>,
}

/// The configuration file. `Debug` shows its name only: the text may hold secrets.
#[derive(Clone)]
pub struct ConfigFile {
    /// As the user knows it: `looms.yaml`, or what `--config` said.
    pub name: Arc<str>,
    /// All of it.
    pub text: String,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RawConfig {
    /// Finds the data directory and reads the file. What fails becomes a problem, to be reported with all the others.
    pub fn read(flags: Flags, environment: Environment) -> Self {
        let mut problems = Vec::new();
        let data_dir = data_dir(&environment).unwrap_or_else(|| {
            let message = format!("the data directory is unknown: neither `{DATA_DIR}` nor `HOME` is set");
            problems.push(Problem::new(Origin::Variable(DATA_DIR.to_owned()), message));
            PathBuf::new()
        });
        let found = match &flags.config {
            Some(path) => read_file(path, path.display().to_string().into()).map(Some),
            None if data_dir.as_os_str().is_empty() => Ok(None),
            None => match read_file(&data_dir.join(FILE_NAME), FILE_NAME.into()) {
                Err((_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                found => found.map(Some),
            },
        };
        let file = found.unwrap_or_else(|(name, error)| {
            let message = format!("cannot be read: {error}");
            problems.push(Problem::new(Origin::File { name, line: 0 }, message));
            None
        });
        Self { flags, environment, data_dir, file, problems }
    }
}

fn data_dir(environment: &Environment) -> Option<PathBuf> {
    match environment.get(DATA_DIR) {
        Some(dir) => Some(dir.into()),
        None => Some(Path::new(environment.get("HOME")?).join(".loom")),
    }
}

fn read_file(path: &Path, name: Arc<str>) -> Result<ConfigFile, (Arc<str>, io::Error)> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > MAX_FILE_BYTES => {
            let message = format!("it is larger than {MAX_FILE_BYTES} bytes");
            Err((name, io::Error::new(io::ErrorKind::FileTooLarge, message)))
        }
        Ok(_) => Ok(ConfigFile { name, text }),
        Err(error) => Err((name, error)),
    }
}
