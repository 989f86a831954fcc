use secrecy::ExposeSecret;

use super::*;

/// Files, variables and flags of one test.
struct Given {
    dir: tempfile::TempDir,
    common: Common,
    flags: ServeFlags,
    variables: Vec<(&'static str, &'static str)>,
}

impl Given {
    fn nothing() -> Self {
        let common = Common { config: None, data_dir: None, url: None, json: false };
        Self { dir: tempfile::tempdir().unwrap(), common, flags: ServeFlags::default(), variables: Vec::new() }
    }

    fn file(self, path: &str, content: &str) -> Self {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        let variables = self.variables.iter().map(|(name, value)| (name.into(), value.into()));
        load(&self.common, &[&self.flags], variables, self.dir.path())
    }

    fn settings(&self) -> Settings {
        self.load().unwrap().settings
    }

    fn error(&self) -> String {
        self.load().unwrap_err().to_string().replace(&format!("{}/", self.dir.path().display()), "")
    }
}

#[test]
fn nothing_given_is_the_documented_default() {
    let loaded = Given::nothing().load().unwrap();
    assert_eq!(loaded.settings.listen, "127.0.0.1:8600");
    assert_eq!(loaded.settings.data_dir, Path::new("./fanfare-data"));
    assert_eq!(loaded.settings.allow_networks, None);
    assert_eq!(loaded.settings.log, LevelFilter::INFO);
    assert_eq!(loaded.file, None);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let mut given = Given::nothing().file("fanfare.toml", "listen = 'a:1'\nlog = 'warn'\nlog_format = 'json'");
    assert_eq!(given.settings().listen, "a:1");
    given = given.variable("FANFARE_LISTEN", "b:2").variable("FANFARE_LOG", "debug");
    assert_eq!(given.settings().listen, "b:2");
    given.flags.listen = Some("c:3".into());
    let settings = given.settings();
    assert_eq!(settings.listen, "c:3");
    assert_eq!(settings.log, LevelFilter::DEBUG);
    assert_eq!(settings.log_format, LogFormat::Json);
}

#[test]
fn the_file_is_looked_for_here_then_in_the_data_directory() {
    let given = Given::nothing().file("fanfare-data/fanfare.toml", "listen = 'data:1'");
    assert_eq!(given.settings().listen, "data:1");
    let given =
        given.file("elsewhere/fanfare.toml", "listen = 'elsewhere:1'").variable("FANFARE_DATA_DIR", "elsewhere");
    assert_eq!(given.settings().listen, "elsewhere:1");
    let mut given = given.file("fanfare.toml", "listen = 'here:1'");
    assert_eq!(given.settings().listen, "here:1");
    given.common.config = Some(given.dir.path().join("elsewhere/fanfare.toml"));
    assert_eq!(given.settings().listen, "elsewhere:1");
    given.common.config = Some(given.dir.path().join("nowhere.toml"));
    assert_eq!(given.error(), "nowhere.toml: there is no such configuration file");
}

#[test]
fn an_unknown_key_is_an_error_that_names_file_and_key() {
    let error = Given::nothing().file("fanfare.toml", "lissten = 'a:1'").error();
    assert!(error.starts_with("fanfare.toml: lissten: there is no such setting; there are listen, "), "{error}");
    let error = Given::nothing().file("fanfare.toml", "[engine]\nretries = 3").error();
    assert!(error.starts_with("fanfare.toml: engine.retries: there is no such setting"), "{error}");
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let given = Given::nothing()
        .variable("FANFARE_LISTN", "x")
        .variable("FANFARE_SPOOL_DIR", "x")
        .variable("FANFARE_VAR_X", "x")
        .variable("PATH", "x");
    let warnings = given.load().unwrap().warnings;
    assert_eq!(warnings, ["FANFARE_LISTN is not a variable that Fanfare knows; it is ignored"]);
}

#[test]
fn what_is_wrong_is_named_as_it_was_written() {
    let file = |content: &str| Given::nothing().file("fanfare.toml", content).error();
    assert_eq!(file("listen = 8600"), "fanfare.toml: listen: must be a string");
    assert_eq!(file("listen = 'a\nlog = 'x'"), "fanfare.toml, line 1: invalid literal string");
    assert_eq!(file("log_format = 'xml'"), "fanfare.toml: log_format: must be one of text, json");
    assert_eq!(file("[engine]\njitter = 2"), "fanfare.toml: engine.jitter: must be a number from 0 to 1");
    let error = Given::nothing().variable("FANFARE_LOG", "loud").error();
    assert_eq!(error, "FANFARE_LOG: must be one of off, error, warn, info, debug, trace");
    let mut given = Given::nothing();
    given.flags.allow_networks = Some("10.0.0.0/33".into());
    assert!(given.error().starts_with("--allow-networks: \"10.0.0.0/33\" is no network"), "{}", given.error());
}

#[test]
fn secrets_are_not_repeated() {
    for content in
        ["secret_key = 12345678", "admin_token = 12345678", "admin_token = 1234 5678", "admin_token = '12345678"]
    {
        let error = Given::nothing().file("fanfare.toml", content).error();
        assert!(!error.contains("5678"), "{error}");
    }
    let given = Given::nothing().variable("FANFARE_ADMIN_TOKEN", "12345678");
    let settings = given.settings();
    assert!(!format!("{settings:?}").contains("5678"));
    // All digits, and a text all the same.
    assert_eq!(settings.admin_token.unwrap().expose_secret(), "12345678");
}

#[test]
fn an_empty_variable_is_none_but_for_the_networks() {
    let given = Given::nothing().variable("FANFARE_LISTEN", "").variable("FANFARE_ALLOW_NETWORKS", "");
    let settings = given.settings();
    assert_eq!(settings.listen, "127.0.0.1:8600");
    assert_eq!(settings.allow_networks, Some(Vec::new()));
}

#[test]
fn lists_may_have_commas_or_brackets() {
    let networks =
        |settings: Settings| settings.allow_networks.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    let given = Given::nothing().variable("FANFARE_ALLOW_NETWORKS", "127.0.0.0/8, ::1").settings();
    assert_eq!(networks(given), ["127.0.0.0/8", "::1/128"]);
    let given = Given::nothing().file("fanfare.toml", "allow_networks = ['10.1.2.3']\nenv_allow = 'A,B'").settings();
    assert_eq!(given.env_allow, ["A", "B"]);
    assert_eq!(networks(given), ["10.1.2.3/32"]);
}

#[test]
fn paths_in_a_file_start_at_the_file() {
    let content = "data_dir = 'data'\nspool_dir = 'spool'\nextra_ca_file = '/etc/ca.pem'\ndatabase_url = 'sqlite:x.db'";
    let mut given = Given::nothing().file("conf/my.toml", content);
    let file = given.dir.path().join("conf/my.toml");
    given.common.config = Some(file.clone());
    let settings = given.settings();
    assert_eq!(settings.data_dir, file.with_file_name("data"));
    assert_eq!(settings.spool_dir, Some(file.with_file_name("spool")));
    assert_eq!(settings.extra_ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    let expected = format!("sqlite:{}", file.with_file_name("x.db").display());
    assert_eq!(settings.database_url.unwrap().expose_secret(), expected);
}

#[test]
fn the_engine_can_be_hurried() {
    let content = "[engine]\nretry_schedule_s = [1, 0.5]\nlifetime_s = 60\njitter = 0";
    let policy = Given::nothing().file("fanfare.toml", content).settings().engine.retry_policy();
    assert_eq!(policy.schedule, [Duration::from_secs(1), Duration::from_millis(500)]);
    assert_eq!(policy.lifetime, Duration::from_secs(60));
    assert_eq!(policy.jitter, 0.0);
    assert_eq!(Given::nothing().settings().engine.retry_policy().schedule.len(), 9);
    let content = "[engine]\nprobe_schedule_s = [2]\nfailing_after_s = 3\ndigest_after_s = 0.5\nconnect_timeout_s = 1\nexchange_timeout_s = 2.5";
    let engine = Given::nothing().file("fanfare.toml", content).settings().engine;
    assert_eq!(engine.lane_policy().probes, [Duration::from_secs(2)]);
    assert_eq!(engine.lane_policy().failing_after, Duration::from_secs(3));
    assert_eq!(engine.lane_policy().digest.after, Duration::from_millis(500));
    assert_eq!(engine.limits().connect, Duration::from_secs(1));
    assert_eq!(engine.limits().exchange, Duration::from_millis(2_500));
    let engine = Given::nothing().settings().engine;
    assert_eq!(engine.lane_policy().probes.len(), 4);
    assert_eq!(engine.lane_policy().digest.after, Duration::from_secs(10));
    assert_eq!(engine.limits().exchange, Duration::from_secs(15));
}
