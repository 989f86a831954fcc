use clap::{CommandFactory, error::ErrorKind};

use super::*;

fn parse(line: &str) -> Result<Cli, ErrorKind> {
    Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn serving_needs_no_word() {
    let cli = parse("fanfare --listen 127.0.0.1:0").unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.serve.listen.as_deref(), Some("127.0.0.1:0"));
}

#[test]
fn common_options_stand_anywhere() {
    for line in ["fanfare --json channels list", "fanfare channels --json list", "fanfare channels list --json"] {
        assert!(parse(line).unwrap().common.json, "{line}");
    }
}

#[test]
fn wrong_use_is_recognised() {
    assert_eq!(parse("fanfare --colour red").unwrap_err(), ErrorKind::UnknownArgument);
    assert_eq!(parse("fanfare serve --secret-key x").unwrap_err(), ErrorKind::UnknownArgument);
    assert_eq!(parse("fanfare deliveries retry").unwrap_err(), ErrorKind::MissingRequiredArgument);
    assert_eq!(parse("fanfare deliveries list --state lost").unwrap_err(), ErrorKind::InvalidValue);
    assert_eq!(parse("fanfare explain --job nightly").unwrap_err(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn a_command_stands_behind_its_dashes() {
    let run = |line: &str| {
        parse(line).map(|cli| match cli.command {
            Some(Command::Run(args)) => args,
            other => panic!("{other:?}"),
        })
    };
    let args = run("fanfare run --job nightly --partial-exit 1,3 -- borg create --json --job x").unwrap();
    assert_eq!((args.job.as_str(), args.partial_exit.as_slice()), ("nightly", [1, 3].as_slice()));
    assert_eq!(args.command, ["borg", "create", "--json", "--job", "x"]);
    for (line, kind) in [
        ("fanfare run --job nightly", ErrorKind::MissingRequiredArgument),
        ("fanfare run -- true", ErrorKind::MissingRequiredArgument),
        ("fanfare run --job nightly true", ErrorKind::UnknownArgument),
        ("fanfare run --job nightly --partial-exit 0 -- true", ErrorKind::ValueValidation),
        ("fanfare run --job nightly --partial-exit 256 -- true", ErrorKind::ValueValidation),
    ] {
        assert_eq!(run(line).unwrap_err(), kind, "{line}");
    }
}

#[test]
fn tests_are_filtered_either_way() {
    let test = |line: &str| match parse(line).unwrap().command {
        Some(Command::Deliveries(DeliveriesCommand::List(filters))) => filters.test,
        other => panic!("{other:?}"),
    };
    assert_eq!(test("fanfare deliveries list"), None);
    assert_eq!(test("fanfare deliveries list --test"), Some(true));
    assert_eq!(test("fanfare deliveries list --test=false"), Some(false));
}
