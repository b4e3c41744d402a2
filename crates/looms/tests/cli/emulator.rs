//! `looms emulator`: what it prints is what a client needs.

use crate::support::Home;

#[tokio::test]
async fn its_export_lines_are_all_that_a_client_needs() {
    let home = Home::new();
    let mut running = home.looms("emulator --port 0").start();
    let mut exports = Vec::new();
    for _ in 0..7 {
        let line = running.next_out().await;
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        assert!(!value.is_empty() && !value.contains([' ', '\'', '"', '$']), "{line}");
        exports.push((name.to_owned(), value.to_owned()));
    }
    let names: Vec<_> = exports.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let talk = running.next_err().await;
    assert!(talk.contains("calls no model"), "{talk}");
    for provider in ["bedrock", "anthropic"] {
        let mut weave = home.looms("weave hi --llm-provider").arg(provider);
        for (name, value) in &exports {
            weave = weave.env(name, value);
            if name == "ANTHROPIC_BASE_URL" {
                weave = weave.arg(&format!("--anthropic-endpoint-url={value}"));
            }
        }
        let ended = weave.run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.starts_with("This is the Bedrock emulator"), "{}", ended.out);
    }
    running.signal("TERM").await;
    assert_eq!(running.end().await.code, Some(0));
}

#[tokio::test]
async fn help_names_the_commands_and_the_flags() {
    let home = Home::new();
    let help = home.looms("--help").run().await;
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    for command in ["serve", "weave", "emulator"] {
        assert!(help.out.contains(command), "{}", help.out);
    }
    let serve = home.looms("serve --help").run().await.out;
    for flag in [
        "--config",
        "--port",
        "--host",
        "--http-port",
        "--llm-provider",
        "--bedrock-region",
        "--bedrock-access-key",
        "--bedrock-secret-key",
        "--bedrock-session-token",
        "--bedrock-endpoint-url",
        "--log-level",
        "--log-format",
        "--emulator",
    ] {
        assert!(serve.contains(flag), "{flag}");
    }
    let version = home.looms("--version").run().await;
    assert_eq!(version.out, format!("looms {}\n", env!("CARGO_PKG_VERSION")));
}
