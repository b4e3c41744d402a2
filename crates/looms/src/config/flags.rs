//! The settings' flags: declared on a command and read back, both off the table.
//!
//! Owns how a flag is written. Values stay text here and are validated with all the rest, so that one run reports every
//! error. Knows nothing of precedence.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::setting::{Kind, Setting};
use super::table::SETTINGS;

const CONFIG: &str = "config";
const EMULATOR: &str = "emulator";

/// Adds `--config`, `--emulator` and the flag of every setting that has one.
pub fn flags(command: Command) -> Command {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Read this configuration file [default: $LOOM_DATA_DIR/looms.yaml]");
    let emulator = Arg::new(EMULATOR)
        .long(EMULATOR)
        .action(ArgAction::SetTrue)
        .help("Talk to the built-in emulator, not to Claude: no account, no cost, no real answers");
    let settings = SETTINGS.iter().filter_map(|setting| Some(argument(setting, setting.flag?)));
    command.arg(config).arg(emulator).args(settings)
}

fn argument(setting: &'static Setting, flag: &'static str) -> Arg {
    let mut help = setting.sentence();
    match setting.kind {
        Kind::OneOf(_) | Kind::Integer { .. } | Kind::Seconds { .. } | Kind::Float { .. } => {
            help.push_str(&format!(" ({})", setting.kind));
        }
        Kind::Text | Kind::Bool | Kind::Url | Kind::Host | Kind::Hosts | Kind::Origins => {}
    }
    if let Some(default) = setting.default.filter(|default| !default.is_empty()) {
        help.push_str(&format!(" [default: {default}]"));
    }
    let argument = Arg::new(setting.key)
        .long(flag)
        .value_name(setting.kind.value_name())
        .help(help)
        .help_heading(format!("Settings: {}", setting.section()));
    match setting.kind {
        Kind::Bool => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Hosts | Kind::Origins => argument.action(ArgAction::Append),
        // A negative number is out of range; it should be told so, not be taken for a flag.
        Kind::Integer { .. } | Kind::Seconds { .. } | Kind::Float { .. } => argument.allow_negative_numbers(true),
        Kind::Text | Kind::OneOf(_) | Kind::Url | Kind::Host => argument,
    }
}

/// What the command line said about settings. `Debug` shows keys only: values may be secrets.
#[derive(Clone, Default)]
pub struct Flags {
    /// The file given with `--config`.
    pub config: Option<PathBuf>,
    /// Whether `--emulator` was given.
    pub emulator: bool,
    values: BTreeMap<&'static str, String>,
}

impl Flags {
    /// Reads back what [`flags`] declared.
    pub fn from_matches(matches: &ArgMatches) -> Self {
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            // A key without a flag is an id that clap does not know: an error here, and no value.
            if let Ok(Some(texts)) = matches.try_get_many::<String>(setting.key) {
                values.insert(setting.key, texts.map(String::as_str).collect::<Vec<_>>().join(","));
            }
        }
        Self {
            config: matches.try_get_one::<PathBuf>(CONFIG).ok().flatten().cloned(),
            emulator: matches.try_get_one::<bool>(EMULATOR).ok().flatten().copied().unwrap_or_default(),
            values,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags")
            .field("config", &self.config)
            .field("emulator", &self.emulator)
            .field("keys", &self.values.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, clap::Error> {
        let command = flags(Command::new("serve").no_binary_name(true));
        command.try_get_matches_from(line.split_whitespace()).map(|matches| Flags::from_matches(&matches))
    }

    #[test]
    fn flags_come_back_as_written() {
        let flags = parse("--port 0 --temperature -1 --allow-unauthenticated --allowed-hosts a,b --allowed-hosts c");
        let flags = flags.unwrap();
        for (key, text) in [
            ("server.port", Some("0")),
            ("llm.temperature", Some("-1")),
            ("server.allow_unauthenticated", Some("true")),
            ("server.allowed_hosts", Some("a,b,c")),
            ("server.host", None),
            ("llm.anthropic_api_key", None),
        ] {
            assert_eq!(flags.get(key), text, "{key}");
        }
        assert!(!flags.emulator && flags.config.is_none());
        let flags = parse("--emulator --config my.yaml --allow-unauthenticated=false").unwrap();
        assert!(flags.emulator && flags.config == Some("my.yaml".into()));
        assert_eq!(flags.get("server.allow_unauthenticated"), Some("false"));
    }

    #[test]
    fn a_command_without_the_flags_reads_back_as_empty() {
        let matches = Command::new("other").no_binary_name(true).try_get_matches_from([""; 0]).unwrap();
        assert!(Flags::from_matches(&matches).values.is_empty());
    }

    #[test]
    fn a_swallowed_secret_shows_in_no_message() {
        let line = "--bedrock-access-key AKIAPLANTED --bedrock-secret-key sEcReT+planted/ --no-such-flag";
        let message = parse(line).unwrap_err().to_string();
        assert!(!message.contains("lanted") && !message.contains("PLANTED"), "{message}");
        let flags = parse(line.strip_suffix("--no-such-flag").unwrap()).unwrap();
        assert!(!format!("{flags:?}").contains("lanted"));
    }

    #[test]
    fn the_declaration_is_sound() {
        flags(Command::new("serve")).debug_assert();
    }
}
