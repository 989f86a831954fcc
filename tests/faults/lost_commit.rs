//! A commit that happens, and whose answer is lost: the connection breaks between the two.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

use crate::{
    harness::{Database, no_panic, only_channel, settled_within, short_or_long, tell},
    load::{COMPONENT, Load},
};

/// Between a server and its PostgreSQL. When it is armed, it passes the next COMMIT of accepted events on, waits for the
/// answer, and hangs up instead of passing that back.
struct Between {
    armed: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// The name of PostgreSQL's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";

impl Between {
    fn start(place: &Path, postgres: &Path) -> Self {
        let listener = UnixListener::bind(place.join(SOCKET)).unwrap();
        let (armed, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (target, is_armed, count) = (postgres.join(SOCKET), armed.clone(), lost.clone());
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(client, target.clone(), is_armed.clone(), count.clone()));
            }
        });
        Self { armed, lost, task }
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends when either side does, or when an answer is to be lost.
async fn pass(mut client: UnixStream, target: PathBuf, armed: Arc<AtomicBool>, lost: Arc<AtomicUsize>) -> Option<()> {
    let mut server = UnixStream::connect(target).await.ok()?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut accepts = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let bytes = &asked[..read.ok().filter(|read| *read > 0)?];
                let holds = |text: &str| bytes.windows(text.len()).any(|word| word == text.as_bytes());
                // What every event here says.
                accepts |= holds(COMPONENT);
                let commits = holds("COMMIT") && std::mem::take(&mut accepts);
                server.write_all(bytes).await.ok()?;
                if commits && armed.swap(false, Ordering::AcqRel) {
                    server.read(&mut answered).await.ok().filter(|read| *read > 0)?;
                    lost.fetch_add(1, Ordering::AcqRel);
                    return None;
                }
            }
            read = server.read(&mut answered) => {
                client.write_all(&answered[..read.ok().filter(|read| *read > 0)?]).await.ok()?;
            }
        }
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost() {
    let times = short_or_long(10, 100);
    let database = Database::postgres().await;
    let Database::Postgres(postgres) = &database else { unreachable!("it was made just now") };
    // The failures have to be recorded as well, with attempts that may be written twice.
    let mut server = database.server("retry_schedule_s = [0.1]\njitter = 0\nlease_s = 5");
    let between = Between::start(server.place(), postgres.host());
    let place = server.place().display().to_string().replace('/', "%2F");
    server.set("FANFARE_DATABASE_URL", &format!("postgres://fanfare@{place}/fanfare"));
    server.restart().await;
    let api = server.api().clone();
    let receiver = Receiver::start().await;
    receiver.answer_with({
        let count = AtomicUsize::new(0);
        move |_| match count.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => Answer::status(503),
            _ => Answer::status(200),
        }
    });
    only_channel(&api, receiver.url("/")).await;
    let load = Load::start(&api, 8, Duration::from_millis(2));
    for time in 0..times {
        let so_far = load.told().accepted.len();
        until("load", PATIENCE, async || (load.told().accepted.len() > so_far + 20).then_some(())).await;
        between.armed.store(true, Ordering::Release);
        until("a lost answer", PATIENCE, async || (between.lost.load(Ordering::Acquire) > time).then_some(())).await;
    }
    let told = load.stop().await;
    assert_eq!(told.broken, 0);
    let metrics = settled_within(&api, Duration::from_secs(30)).await;
    let accepted = told.accepted.len() as u64;
    assert_eq!(metrics.of("delivered"), metrics.accepted, "{metrics:?}");
    assert!(metrics.accepted >= accepted && metrics.accepted <= accepted + told.refusals() as u64, "{metrics:?}");
    assert!(metrics.accepted > accepted, "no commit was lost that had happened");
    told.check_arrivals(&receiver);
    no_panic(&server);
    assert_eq!(server.terminate().await, Some(0));
    tell(
        "answer to a commit lost on PostgreSQL",
        "lost 0, and what was kept though its answer was lost is delivered without a restart",
        &format!(
            "answers lost {times}, accepted {accepted}, refused {}, kept though refused {}, delivered {}",
            told.refusals(),
            metrics.accepted - accepted,
            metrics.of("delivered")
        ),
    );
}
