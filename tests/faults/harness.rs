//! What the cases share: a database of either kind, a server on it, and how figures are told.

use std::{fs, time::Duration};

use fanfare_tests::{Api, PATIENCE, Postgres, Server, database, rows, until};

/// The key of servers that share a PostgreSQL.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Whether the long form was asked for.
pub(crate) fn is_long() -> bool {
    match std::env::var("FANFARE_FAULTS") {
        Ok(form) if form == "long" => true,
        Ok(form) if !form.is_empty() && form != "short" => panic!("FANFARE_FAULTS is short or long, not {form:?}"),
        _ => false,
    }
}

/// One number for the short form, another for the long one.
pub(crate) fn short_or_long<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// Tells a case's criterion and figures; `tests/run` shows these lines.
pub(crate) fn tell(case: &str, criterion: &str, figures: &str) {
    let form = if is_long() { "long" } else { "short" };
    println!("fault: {case} ({form}): {criterion}; {figures}");
}

/// A database of either kind.
pub(crate) enum Database {
    /// In the server's data directory.
    Sqlite,
    /// A PostgreSQL of the test's own.
    Postgres(Postgres),
}

impl Database {
    /// A PostgreSQL that keeps what it has committed when it is stopped.
    pub(crate) async fn postgres() -> Self {
        let postgres = Postgres::start_durable().await;
        postgres.create("fanfare");
        Self::Postgres(postgres)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// A server with these lines in the table `[engine]`, which takes any number of requests; not started yet.
    pub(crate) fn server(&self, engine: &str) -> Server {
        let mut server = Server::prepare(&[]);
        if let Self::Postgres(postgres) = self {
            server.set("FANFARE_DATABASE_URL", &postgres.url("fanfare"));
            server.set("FANFARE_SECRET_KEY", KEY);
        }
        let settings = format!("[limits]\nrequests_per_token = 0\nrequests_per_address = 0\n\n[engine]\n{engine}\n");
        fs::write(server.place().join("fanfare.toml"), settings).unwrap();
        server
    }

    /// The same, ready.
    pub(crate) async fn start(&self, engine: &str) -> Server {
        let mut server = self.server(engine);
        server.restart().await;
        server
    }

    /// What a query finds, while the server runs or not. `sqlite` and `postgres` ask the same in the words of each.
    pub(crate) fn rows(&self, server: &Server, sqlite: &str, postgres: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite => rows(&database(&server.data_dir()), sqlite),
            Self::Postgres(running) => {
                let text = running.sql("fanfare", postgres);
                text.lines().map(|line| line.split('|').map(Into::into).collect()).collect()
            }
        }
    }
}

/// A webhook channel at this address, made the one global channel.
pub(crate) async fn only_channel(api: &Api, url: String) -> String {
    let channel = api.webhook("ops", url).await;
    api.make_global(&[&channel]).await;
    channel
}

/// Waits until `readyz` answers so.
pub(crate) async fn ready_is(api: &Api, ready: bool, limit: Duration) {
    let what = if ready { "green readyz" } else { "red readyz" };
    until(what, limit, async || (api.answers("/readyz").await == ready).then_some(())).await;
}

/// Waits until nothing is pending any more; checks the invariant at every look.
pub(crate) async fn settled(api: &Api) -> fanfare_tests::Metrics {
    settled_within(api, PATIENCE).await
}

/// The same with a limit of one's own.
pub(crate) async fn settled_within(api: &Api, limit: Duration) -> fanfare_tests::Metrics {
    until("end of what is pending", limit, async || {
        let metrics = api.metrics().await;
        metrics.check();
        (metrics.of("pending") == 0).then_some(metrics)
    })
    .await
}

/// That no start of the server has panicked.
pub(crate) fn no_panic(server: &Server) {
    let log = server.whole_log();
    let panicked = log.lines().find(|line| line.contains("panicked"));
    assert!(panicked.is_none(), "{panicked:?}");
}

/// The memory of a process that is resident, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The time below which this share of all lies.
pub(crate) fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() as f64 * share).ceil() as usize;
    times[place.clamp(1, times.len()) - 1]
}

/// In milliseconds, for figures.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
