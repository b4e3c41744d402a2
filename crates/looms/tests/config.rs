//! The configuration as its callers see it: what comes out of flags, environment and file, and what is said of
//! mistakes.

use std::path::Path;
use std::time::Duration;

use claude::Secret;
use looms::config::{
    Config, ConfigFile, CredentialSource, Environment, Flags, KnownRegions, OnDisconnect, Origin, Provider, RawConfig,
    Synchronous, flags, load, settings_page, validate,
};

/// What a test says about the three sources; the file's text, variables as `NAME=value`, a command line.
#[derive(Clone, Copy, Default)]
struct Given<'a> {
    file: &'a str,
    variables: &'a [&'a str],
    flags: &'a str,
}

impl Given<'_> {
    fn validate(self) -> Result<Config, String> {
        let raw = RawConfig {
            flags: parse_flags(self.flags).map_err(|error| error.to_string())?,
            environment: environment(self.variables),
            data_dir: "/data".into(),
            file: Some(ConfigFile { name: "looms.yaml".into(), text: self.file.to_owned() }),
            problems: Vec::new(),
        };
        validate(raw, &regions()).map_err(|error| error.to_string())
    }
}

fn file(text: &str) -> Given<'_> {
    Given { file: text, ..Given::default() }
}

fn variables<'a>(variables: &'a [&'a str]) -> Given<'a> {
    Given { variables, ..Given::default() }
}

fn environment(variables: &[&str]) -> Environment {
    variables.iter().filter_map(|line| line.split_once('=')).collect()
}

fn parse_flags(line: &str) -> Result<Flags, clap::Error> {
    let command = flags(clap::Command::new("serve").no_binary_name(true));
    command.try_get_matches_from(line.split_whitespace()).map(|matches| Flags::from_matches(&matches))
}

fn regions() -> KnownRegions {
    let strings = |codes: &[&str]| codes.iter().map(ToString::to_string).collect();
    KnownRegions { usual: strings(&["us-west-2", "us-east-1"]), all: strings(&["us-west-2", "us-east-1", "sa-east-1"]) }
}

fn origin(config: &Config, key: &str) -> String {
    config.settings.get(key).map(|resolved| resolved.origin.to_string()).unwrap_or_default()
}

#[test]
fn nothing_given_is_a_working_configuration() {
    let config = file("").validate().unwrap();
    assert_eq!((config.llm.provider, config.llm.bedrock_region.as_str()), (Provider::Bedrock, "us-west-2"));
    assert_eq!((config.llm.temperature, config.llm.max_tokens), (1.0, 4096));
    assert_eq!((config.llm.timeout, config.llm.stream_idle), (Duration::from_secs(60), Duration::from_secs(180)));
    assert_eq!((config.server.port, config.server.http_port), (50051, 8080));
    assert!(config.server.is_loopback() && config.llm.bedrock_credentials.keys.is_none());
    assert!(config.warnings.is_empty() && !config.settings.is_explicit("llm.temperature"));
    assert_eq!(origin(&config, "llm.temperature"), "default");
}

#[test]
fn the_references_file_is_read_as_it_stands() {
    let config = file(
        "llm:\n  provider: bedrock\n\n  # Required\n  bedrock_region: us-east-1\n  \
         bedrock_model_id: anthropic.claude-haiku-4-5-20250128-v1:0\n\n  # bedrock_profile: default\n  \
         temperature: 0\n  max_tokens: 200000\n  timeout_seconds: 600\n",
    )
    .validate()
    .unwrap();
    assert_eq!(config.llm.bedrock_region, "us-east-1");
    assert_eq!(config.llm.bedrock_model_id, "anthropic.claude-haiku-4-5-20250128-v1:0");
    assert_eq!((config.llm.temperature, config.llm.max_tokens), (0.0, 200_000));
    assert_eq!(config.llm.timeout, Duration::from_secs(600));
    assert!(config.settings.is_explicit("llm.temperature"));
    assert_eq!(origin(&config, "llm.temperature"), "looms.yaml:9");
}

#[test]
fn every_setting_reaches_its_field() {
    let given = Given {
        file: "server:\n  allowed_hosts: [Box.example, 'box:8080']\n  cors:\n    allowed_origins:\n      \
               - https://app.example\nstorage:\n  sqlite:\n    synchronous: normal\n",
        variables: &[
            "LOOM_LLM_PROVIDER=anthropic",
            "LOOM_LLM_ON_DISCONNECT=cancel",
            "LOOM_LLM_ANTHROPIC_ENDPOINT_URL=http://localhost:1/",
            "LOOM_LLM_BEDROCK_ENDPOINT_URL=http://localhost:2",
            "LOOM_LLM_STREAM_IDLE_SECONDS=7",
            "LOOM_SERVER_SHUTDOWN_SECONDS=0",
            "ANTHROPIC_API_KEY=sk-ant-1",
        ],
        flags: "--host ::1 --port 0 --http-port 0 --anthropic-model m --log-level trace --log-format json \
                --bedrock-allow-any-region --bedrock-region sa-east-1 --allow-unauthenticated --emulator",
    };
    let Config { llm, server, storage, logging, emulator, .. } = given.validate().unwrap();
    assert_eq!((llm.provider, llm.on_disconnect), (Provider::Anthropic, OnDisconnect::Cancel));
    assert_eq!((llm.anthropic_endpoint_url.as_str(), llm.anthropic_model.as_str()), ("http://localhost:1", "m"));
    assert_eq!(llm.bedrock_endpoint_url.as_deref(), Some("http://localhost:2"));
    assert_eq!(llm.anthropic_api_key.map(|key| key.expose().to_owned()).as_deref(), Some("sk-ant-1"));
    assert_eq!((llm.stream_idle, llm.bedrock_region.as_str()), (Duration::from_secs(7), "sa-east-1"));
    assert!(llm.bedrock_allow_any_region && server.allow_unauthenticated && emulator);
    assert_eq!((server.host.as_str(), server.port, server.http_port), ("::1", 0, 0));
    assert_eq!(server.allowed_hosts, ["box.example", "box:8080"]);
    assert_eq!((server.allowed_origins, server.shutdown), (vec!["https://app.example".to_owned()], Duration::ZERO));
    assert_eq!(storage.sqlite_synchronous, Synchronous::Normal);
    assert_eq!(logging.level, tracing::Level::TRACE);
}

#[test]
fn all_errors_of_all_sources_are_reported_at_once() {
    let given = Given {
        file: "llm:\n  bedrock_regoin: us-east-1\n  temperature: 1.5\n  max_tokens: [1]\n  provider: openai\n\
               server: 5\nbedrock_region: us-east-1\nllm:\n  temperature: 0.5\nsomething: else\n",
        variables: &["LOOM_SERVER_PORT=http", "LOOM_LLM_TIMEOUT_SECONDS=601"],
        flags: "--host http://localhost --max-tokens -1",
    };
    let expected = "\
looms.yaml:2: unknown key `llm.bedrock_regoin`; did you mean `llm.bedrock_region`?
looms.yaml:3: `llm.temperature` must be a number from 0.0 to 1.0, found `1.5`
looms.yaml:4: `llm.max_tokens` must be a whole number from 1 to 200000, found a list
looms.yaml:5: `llm.provider` must be `bedrock` or `anthropic`, found `openai`
looms.yaml:6: `server` is a section with keys below it, found a single value
looms.yaml:7: unknown key `bedrock_region`; did you mean `llm.bedrock_region`?
looms.yaml:8: duplicate key `llm`, first given on line 1
looms.yaml:9: duplicate key `llm.temperature`, first given on line 3
looms.yaml:10: unknown key `something`; docs/reference/settings.md lists those there are
LOOM_LLM_TIMEOUT_SECONDS: `llm.timeout_seconds` must be a whole number of seconds from 1 to 600, found `601`
LOOM_SERVER_PORT: `server.port` must be a whole number from 0 to 65535, found `http`
--host: `server.host` must be an IP address or a host name, without a port, found `http://localhost`
--max-tokens: `llm.max_tokens` must be a whole number from 1 to 200000, found `-1`";
    assert_eq!(given.validate().unwrap_err(), expected);
}

#[test]
fn a_bad_file_is_named_with_its_line() {
    for (text, expected) in [
        (
            "llm:\n  temperature: 0\n bad: x\n",
            "looms.yaml:3: column 2: not valid YAML: while parsing a block mapping, did not find expected key",
        ),
        ("llm: [", "looms.yaml:1: column 6: not valid YAML: unclosed bracket '['"),
        ("- 1\n", "looms.yaml:1: must hold sections like `llm:`, found a list"),
        ("AKIAPLANTED", "looms.yaml:1: must hold sections like `llm:`, found a single value"),
        ("llm.temperature: 0.5\n", "looms.yaml:1: write `llm.temperature` as `temperature:` below its section"),
        ("llm:\n  temperature:\n", "looms.yaml:2: `llm.temperature` has no value: give one or delete the line"),
        (
            "\u{feff}llm:\r\n  timeout_seconds: 1.0\r\n",
            "looms.yaml:2: `llm.timeout_seconds` must be a whole number of seconds from 1 to 600, found `1.0`",
        ),
        (
            "llm:\n  bedrock_allow_any_region: yes\n",
            "looms.yaml:2: `llm.bedrock_allow_any_region` must be `true` or `false`, found `yes`",
        ),
        ("llm:\n  bedrock_model_id: 7\n", "looms.yaml:2: `llm.bedrock_model_id` must be a text: put it in quotes"),
        (
            "llm:\n  bedrock_endpoint_url: http://me:word@host\n",
            "looms.yaml:2: `llm.bedrock_endpoint_url` must be a URL without a user name or a password",
        ),
        (
            "llm:\n  anthropic_endpoint_url: http://h/?k=v\n",
            "looms.yaml:2: `llm.anthropic_endpoint_url` must be a URL without a query or a fragment",
        ),
        (
            "server:\n  allowed_hosts:\n    - ok\n    - http://no\n",
            "looms.yaml:4: `server.allowed_hosts` must be a list of host names like `box.example` or \
             `box.example:8080`, found `http://no`",
        ),
        ("server: {port: 8080}\n", "looms.yaml:1: `server.port` and `server.http_port` are both 8080"),
        (
            "llm:\n  provider: !bedrock bedrock\n",
            "looms.yaml:2: column 22: not valid YAML: unsupported tag: put a value that begins with `!` in quotes",
        ),
        ("a: &a [x, x]\nb: *c\n", "looms.yaml:2: column 4: not valid YAML: reference to unknown value"),
        (
            "llm:\n  <<: {temperature: 0.5}\n",
            "looms.yaml:2: unknown key `llm.<<`; docs/reference/settings.md lists those there are",
        ),
    ] {
        assert_eq!(file(text).validate().unwrap_err(), expected, "{text:?}");
    }
}

#[test]
fn a_hostile_file_is_refused_at_once() {
    let nested = "[".repeat(100_000);
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..60 {
        let below = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
    }
    for text in [nested, bomb] {
        assert!(file(&text).validate().unwrap_err().contains("not valid YAML"));
    }
}

#[test]
fn a_section_may_be_empty_and_a_quoted_number_is_a_number() {
    let config = file("llm:\n  # all commented out\nserver:\n  port: \"1234\"\n").validate().unwrap();
    assert_eq!(config.server.port, 1234);
}

#[test]
fn flags_beat_variables_beat_the_file_beat_the_regions_variables_beat_defaults() {
    let layers = [
        ("flag", "--bedrock-region"),
        ("loom", "LOOM_LLM_BEDROCK_REGION"),
        ("file", "looms.yaml:2"),
        ("region", "AWS_REGION"),
        ("default region", "AWS_DEFAULT_REGION"),
        ("none", "default"),
    ];
    for (strongest, (_, expected)) in layers.iter().enumerate() {
        let has = |layer| layers.iter().position(|(name, _)| *name == layer).is_some_and(|at| at >= strongest);
        let mut set = vec!["LOOM_LLM_MAX_TOKENS="];
        set.extend(has("loom").then_some("LOOM_LLM_BEDROCK_REGION=us-east-1"));
        set.extend(has("region").then_some("AWS_REGION=us-east-1"));
        set.extend(has("default region").then_some("AWS_DEFAULT_REGION=us-east-1"));
        let given = Given {
            file: if has("file") { "llm:\n  bedrock_region: us-east-1\n" } else { "" },
            variables: &set,
            flags: if has("flag") { "--bedrock-region us-east-1" } else { "" },
        };
        assert_eq!(origin(&given.validate().unwrap(), "llm.bedrock_region"), *expected);
    }
}

#[test]
fn aws_endpoint_variables_are_honoured_unless_switched_off() {
    let both = ["AWS_ENDPOINT_URL=http://all", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://bedrock"];
    assert_eq!(variables(&both).validate().unwrap().llm.bedrock_endpoint_url.as_deref(), Some("http://bedrock"));
    assert_eq!(variables(&both[..1]).validate().unwrap().llm.bedrock_endpoint_url.as_deref(), Some("http://all"));
    let off = [both[0], both[1], "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=True"];
    assert_eq!(variables(&off).validate().unwrap().llm.bedrock_endpoint_url, None);
    // One that is hidden may be anything: it is not ours.
    let given = Given { variables: &["AWS_ENDPOINT_URL=nonsense"], flags: "--bedrock-endpoint-url http://x", file: "" };
    assert_eq!(given.validate().unwrap().llm.bedrock_endpoint_url.as_deref(), Some("http://x"));
}

#[test]
fn a_region_without_claude_is_the_references_error() {
    let error = variables(&["AWS_REGION=us-west-1"]).validate().unwrap_err();
    let expected = "AWS_REGION: invalid_region: Invalid region 'us-west-1'. Claude is not available in this region. \
                    (choose `us-west-2`, `us-east-1`, or set `llm.bedrock_allow_any_region: true`)";
    assert_eq!(error, expected);
    let any = "llm:\n  bedrock_allow_any_region: true\n  bedrock_region: ";
    assert_eq!(file(&format!("{any}sa-east-1\n")).validate().unwrap().llm.bedrock_region, "sa-east-1");
    assert!(file(&format!("{any}us-west-1\n")).validate().unwrap_err().contains("(regions with Claude: `us-west-2`, "));
    // Anthropic's own API has no regions.
    variables(&["AWS_REGION=us-west-1", "LOOM_LLM_PROVIDER=anthropic"]).validate().unwrap();
}

#[test]
fn the_region_setting_names_the_usual_regions_of_the_catalogue() {
    let catalogue: serde_json::Value = serde_json::from_str(include_str!("../../../data/regions.json")).unwrap();
    let page = settings_page();
    let regions = catalogue["regions"].as_array().unwrap();
    for region in regions.iter().filter(|region| region["in_reference"] == true) {
        assert!(page.contains(&format!("`{}`", region["code"].as_str().unwrap())), "{region}");
    }
}

#[test]
fn a_listener_beyond_loopback_has_to_be_wanted() {
    for host in ["0.0.0.0", "::", "192.168.1.2", "box.example"] {
        let text = format!("server:\n  host: '{host}'\n");
        let error = file(&text).validate().unwrap_err();
        assert!(
            error.starts_with(&format!("looms.yaml:2: `server.host` is `{host}`, which others can reach")),
            "{error}"
        );
        assert!(error.ends_with("`server.allow_unauthenticated: true`)"), "{error}");
        file(&format!("{text}  allow_unauthenticated: true\n")).validate().unwrap();
    }
    for host in ["127.0.0.2", "::1", "localhost", "::ffff:127.0.0.1"] {
        assert!(file(&format!("server: {{host: '{host}'}}\n")).validate().unwrap().server.is_loopback(), "{host}");
    }
}

#[test]
fn a_missing_file_is_fine_unless_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let here = [("LOOM_DATA_DIR", dir.path())];
    let config = load(Flags::default(), here.into_iter().collect(), &regions()).unwrap();
    assert_eq!(config.data_dir, dir.path());
    let config = load(Flags::default(), [("HOME", dir.path())].into_iter().collect(), &regions()).unwrap();
    assert_eq!(config.data_dir, dir.path().join(".loom"));

    std::fs::write(dir.path().join("looms.yaml"), "server:\n  port: 1\n").unwrap();
    let config = load(Flags::default(), here.into_iter().collect(), &regions()).unwrap();
    assert_eq!((config.server.port, origin(&config, "server.port").as_str()), (1, "looms.yaml:2"));

    let asked = parse_flags("--config /no/such/file.yaml --port x").unwrap();
    let error = load(asked, Environment::default(), &regions()).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("/no/such/file.yaml: cannot be read: "), "{message}");
    assert!(message.contains("\nLOOM_DATA_DIR: the data directory is unknown: neither `LOOM_DATA_DIR` nor `HOME`"));
    assert!(message.contains("\n--port: "), "{message}");
}

#[test]
fn what_is_no_configuration_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let load = || load(Flags::default(), [("LOOM_DATA_DIR", dir.path())].into_iter().collect(), &regions());
    let path = dir.path().join("looms.yaml");
    for (bytes, expected) in [
        (vec![b'#'; 1024 * 1024 + 1], "looms.yaml: cannot be read: it is larger than 1048576 bytes"),
        (vec![0xff, 0xfe, 0xfd], "looms.yaml: cannot be read: stream did not contain valid UTF-8"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(load().unwrap_err().to_string(), expected);
    }
    std::fs::write(&path, vec![b'#'; 1024 * 1024]).unwrap();
    load().unwrap();
}

#[test]
fn mistyped_variables_are_warned_of() {
    let set =
        ["LOOM_LLM_BEDROCK_REGOIN=x", "LOOM_WHATEVER=1", "LOOM_DATA_DIR=/x", "LOOM_PORT_50051_TCP=tcp://1", "OTHER=1"];
    let expected = [
        "LOOM_LLM_BEDROCK_REGOIN: no setting reads this variable; did you mean `LOOM_LLM_BEDROCK_REGION`?",
        "LOOM_WHATEVER: no setting reads this variable",
    ];
    assert_eq!(variables(&set).validate().unwrap().warnings, expected);
}

const FILE_KEYS: &str = "llm:\n  bedrock_access_key_id: AKIAFILE\n  bedrock_secret_access_key: s/file\n";
const LOOM_KEYS: [&str; 2] = ["LOOM_LLM_BEDROCK_ACCESS_KEY_ID=AKIALOOM", "LOOM_LLM_BEDROCK_SECRET_ACCESS_KEY=s/loom"];
const AWS_KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID=AKIAAWS", "AWS_SECRET_ACCESS_KEY=s/aws", "AWS_SESSION_TOKEN=t/aws"];
const FLAG_KEYS: &str = "--bedrock-access-key AKIAFLAG --bedrock-secret-key s/flag";

#[test]
fn a_key_pair_comes_from_one_source_with_its_own_token() {
    use CredentialSource::{AwsEnvironment, File, Flags, LoomEnvironment};
    let all = [&LOOM_KEYS[..], &AWS_KEYS[..]].concat();
    for (given, id, token, source, hides) in [
        (
            Given { file: FILE_KEYS, variables: &all, flags: FLAG_KEYS },
            "AKIAFLAG",
            None,
            Flags,
            vec![LoomEnvironment, AwsEnvironment, File],
        ),
        (
            Given { file: FILE_KEYS, variables: &all, flags: "" },
            "AKIALOOM",
            None,
            LoomEnvironment,
            vec![AwsEnvironment, File],
        ),
        (
            Given { file: FILE_KEYS, variables: &AWS_KEYS, flags: "" },
            "AKIAAWS",
            Some("t/aws"),
            AwsEnvironment,
            vec![File],
        ),
        (Given { file: FILE_KEYS, variables: &AWS_KEYS[2..], flags: "" }, "AKIAFILE", None, File, vec![]),
    ] {
        let config = given.validate().unwrap();
        let keys = config.llm.bedrock_credentials.keys.as_ref().unwrap();
        assert_eq!((keys.access_key_id.expose(), keys.source), (id, source));
        assert_eq!(keys.session_token.as_ref().map(Secret::expose), token);
        assert_eq!(config.llm.bedrock_credentials.hides, hides);
        assert_eq!(config.settings.get("llm.bedrock_session_token").is_some(), token.is_some());
    }
}

#[test]
fn half_a_pair_is_an_error_that_names_the_other_half() {
    let hint = " (a pair and its session token have to come from one source)";
    for (given, expected) in [
        (
            Given { flags: "--bedrock-access-key AKIA", variables: &AWS_KEYS, file: "" },
            "--bedrock-access-key: half a key pair: `--bedrock-secret-key` is missing beside it",
        ),
        (
            Given { variables: &LOOM_KEYS[1..], file: FILE_KEYS, flags: "" },
            "LOOM_LLM_BEDROCK_SECRET_ACCESS_KEY: half a key pair: `LOOM_LLM_BEDROCK_ACCESS_KEY_ID` is missing \
             beside it",
        ),
        (variables(&AWS_KEYS[..1]), "AWS_ACCESS_KEY_ID: half a key pair: `AWS_SECRET_ACCESS_KEY` is missing beside it"),
        (
            file("llm:\n\n  bedrock_access_key_id: AKIA\n"),
            "looms.yaml:3: half a key pair: `llm.bedrock_secret_access_key` is missing beside it",
        ),
        (
            Given { flags: "--bedrock-session-token t", variables: &AWS_KEYS, file: "" },
            "--bedrock-session-token: a session token without its key pair: `--bedrock-access-key` and \
             `--bedrock-secret-key` are missing beside it",
        ),
    ] {
        assert_eq!(given.validate().unwrap_err(), format!("{expected}{hint}"));
    }
    // AWS's own variables may hold half a pair where nobody looks at them.
    Given { variables: &AWS_KEYS[..1], flags: FLAG_KEYS, file: "" }.validate().unwrap();
    Given { variables: &AWS_KEYS[..1], flags: "--emulator", file: "" }.validate().unwrap();
    Given { variables: &AWS_KEYS[..1], flags: "--llm-provider anthropic", file: "" }.validate().unwrap();
}

#[test]
fn keys_that_others_can_read_are_warned_of() {
    let config = Given { file: FILE_KEYS, flags: FLAG_KEYS, variables: &[] }.validate().unwrap();
    let [flags, file] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert!(flags.starts_with("--bedrock-access-key, --bedrock-secret-key: a key given as a flag shows"), "{flags}");
    assert!(file.starts_with("looms.yaml:2, looms.yaml:3: a key in plain text"), "{file}");
}

#[test]
fn a_secret_shows_in_no_debug_print_no_warning_and_no_error() {
    let secrets = ["s/file", "s/loom", "s/aws", "t/aws", "s/flag", "AKIA", "sk-planted"];
    let check = |text: String| {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    };
    let all = [&LOOM_KEYS[..], &AWS_KEYS[..], &["ANTHROPIC_API_KEY=sk-planted"]].concat();
    let given = Given { file: FILE_KEYS, variables: &all, flags: FLAG_KEYS };
    let config = given.validate().unwrap();
    let key = config.settings.get("llm.anthropic_api_key").unwrap();
    assert_eq!((key.value.to_string(), &key.origin), ("***".to_owned(), &Origin::Variable("ANTHROPIC_API_KEY".into())));
    check(format!("{config:?} {:?}", environment(&all)));
    check(format!("{:?}", ConfigFile { name: "looms.yaml".into(), text: FILE_KEYS.into() }));

    for text in [
        "llm:\n  bedrock_secret_access_key: s/file with spaces\n",
        "llm:\n  bedrock_secret_access_key: [s/file]\n",
        "llm:\n  bedrock_secret_access_key: {s/file: 1}\n",
        "llm:\n  bedrock_secret_access_key: 's/file\n",
        "llm:\n  bedrock_secret_access_key: !s/file\n",
        "llm:\n  bedrock_secret_access_key: *s/file\n",
        "llm:\n  bedrock_secret_access_key: s/file: s/file\n",
        "llm:\n  bedrock_secrt_access_key: s/file\n",
        "llm: s/file\n",
        "llm:\n  bedrock_endpoint_url: http://a:s/file@b c\n",
    ] {
        let bad = Given { file: text, variables: &["ANTHROPIC_API_KEY=sk-planted\n", "LOOM_X=s/loom"], flags: "" };
        let error = bad.validate().unwrap_err();
        assert!(error.contains("ANTHROPIC_API_KEY: `llm.anthropic_api_key` must be printable ASCII"), "{error}");
        check(error);
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/settings.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == settings_page(), "docs/reference/settings.md is stale: run `cargo xtask docs`");
}
