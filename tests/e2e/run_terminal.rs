//! `fanfare run` on a terminal, which the tool `script` makes.

use std::{
    fs,
    process::{Command, Stdio},
};

use fanfare_testkit::Receiver;
use fanfare_tests::{PATIENCE, Running, Server, Wrapper, binary, signal, until};

/// Starts `fanfare run` on a terminal of its own, in which a script of the shell runs.
fn on_terminal(user: &Wrapper, arguments: &str, script: &str) -> Running {
    on_terminal_of(user, ["exec", ""], arguments, script)
}

/// The same, between these words of the shell that the terminal belongs to.
fn on_terminal_of(user: &Wrapper, [before, after]: [&str; 2], arguments: &str, script: &str) -> Running {
    fs::write(user.place().join("script.sh"), script).unwrap();
    let program = binary();
    let line = format!("{before} env --default-signal '{}' run {arguments} -- sh script.sh{after}", program.display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    command.env_clear().envs(user.variables()).env("SHELL", "/bin/sh").env("TERM", "xterm").current_dir(user.place());
    Running::of(command, Stdio::piped())
}

async fn with_job() -> (Server, Receiver) {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().job("nightly", &[(&channel, "always")]).await;
    (server, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_interrupts_reaches_the_command_once() {
    let (server, _receiver) = with_job().await;
    let user = server.wrapper();
    let script = "trap 'echo got INT' INT; trap 'echo got USR1; exit 8' USR1; echo ready $PPID.; \
                  while :; do sleep 0.02; done";
    let mut running = on_terminal(&user, "--job nightly --no-progress", script);
    let out = running.says("that it is ready", |out| out.contains(".\r\n")).await;
    let fanfare: u32 = out.split("ready ").nth(1).unwrap().split('.').next().unwrap().parse().unwrap();
    running.type_in(b"\x03");
    running.says("the signal at the command", |out| out.contains("got INT")).await;
    // Were the first passed on as well, that would happen before the second is.
    signal(fanfare, "USR1");
    let ran = running.end().await;
    assert_eq!(ran.code, Some(8), "{}", ran.out());
    assert_eq!((ran.out().matches("got INT").count(), ran.out().matches("got USR1").count()), (1, 1), "{}", ran.out());
    assert!(ran.out().contains("fanfare: reported failure of \"nightly\""), "{}", ran.out());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_goes_away_reaches_the_command_once() {
    let (server, receiver) = with_job().await;
    // With fanfare leading the session, as under ssh, and below a shell that does.
    for (round, shell) in [["exec", ""], ["", "; exit 1"]].into_iter().enumerate() {
        let user = server.wrapper();
        let file = |name: &str| user.place().join(name);
        let script = "trap 'echo HUP >> heard' HUP; trap 'exit 8' USR1; echo $PPID > parent.new; mv parent.new parent; \
                      while :; do sleep 0.02; done";
        let mut running = on_terminal_of(&user, shell, "--job nightly --no-progress", script);
        let parent = until("that it is ready", PATIENCE, async || fs::read_to_string(file("parent")).ok()).await;
        running.kill9();
        until("the signal at the command", PATIENCE, async || fs::metadata(file("heard")).ok()).await;
        // Were the first passed on a second time, that would happen before this one is.
        signal(parent.trim().parse().unwrap(), "USR1");
        receiver.wait_for(round + 1, PATIENCE).await;
        assert_eq!(fs::read_to_string(file("heard")).unwrap(), "HUP\n", "{shell:?}");
    }
    server.api().settled().await;
    assert_eq!(receiver.requests()[1].json()["title"], "Backup Failed: nightly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_command_shows_that_it_runs_and_its_output_stays_whole() {
    let (server, _receiver) = with_job().await;
    let user = server.wrapper();
    // The two outputs come by ways of their own, so each has its moment.
    let wait = |name: &str| format!("while [ ! -e {name} ]; do sleep 0.02; done;");
    let script =
        format!("echo begin; {} echo middle; {} echo warning >&2; {} printf end", wait("a"), wait("b"), wait("c"));
    let running = on_terminal(&user, "--job nightly", &script);
    let go = |name: &str| fs::write(user.place().join(name), "").unwrap();
    // The line: a sign that turns, the time, the job.
    let shown = running.says("a line for the silence", |out| out.contains("nightly")).await;
    assert!(shown.starts_with("begin\r\n"), "{shown:?}");
    go("a");
    running.says("standard output", |out| out.contains("middle\r\n")).await;
    go("b");
    running.says("error output", |out| out.contains("warning\r\n")).await;
    go("c");
    let ran = running.end().await;
    assert_eq!(ran.code, Some(0), "{}", ran.out());
    // What a terminal shows in the end.
    let screen = screen(&ran.out());
    let lines: Vec<_> = screen.iter().map(String::as_str).collect();
    let (summary, output) = lines.split_last().unwrap();
    assert_eq!(output, ["begin", "middle", "warning", "end"], "{:?}", ran.out());
    assert!(summary.starts_with("fanfare: reported success of \"nightly\" (") && summary.ends_with("); 1 told"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_line_the_command_has_the_terminal_itself() {
    let (server, _receiver) = with_job().await;
    let user = server.wrapper();
    let script = "[ -t 0 ] && echo in; [ -t 1 ] && echo out; [ -t 2 ] || echo pipe";
    let ran = on_terminal(&user, "--job nightly --no-progress", script).end().await;
    assert!(ran.out().starts_with("in\r\nout\r\npipe\r\n"), "{:?}", ran.out());
    let ran = on_terminal(&user, "--job nightly", script).end().await;
    assert!(ran.out().starts_with("in\r\npipe\r\n"), "{:?}", ran.out());
}

/// The lines that a terminal shows after all of this: text, returns, and the erasing of lines.
fn screen(output: &str) -> Vec<String> {
    let (mut lines, mut column) = (vec![Vec::<char>::new()], 0);
    let mut rest = output.chars().peekable();
    while let Some(c) = rest.next() {
        let line = lines.last_mut().unwrap();
        match c {
            '\r' => column = 0,
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "another kind of sequence: {output:?}");
                let parameters: String = std::iter::from_fn(|| rest.next_if(|c| !c.is_ascii_alphabetic())).collect();
                match (rest.next(), parameters.as_str()) {
                    (Some('K'), "2") => line.clear(),
                    (Some('K'), "" | "0") => line.truncate(column),
                    (Some('m'), _) => {}
                    other => panic!("what is {other:?}? {output:?}"),
                }
            }
            c => {
                line.resize(line.len().max(column), ' ');
                line.splice(column..line.len().min(column + 1), [c]);
                column += 1;
            }
        }
    }
    let lines = lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned());
    let mut lines: Vec<_> = lines.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
