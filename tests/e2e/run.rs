//! `fanfare run`: the command comes first, and its end is told of.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Running, Server, Wrapper, binary, signal};
use rand::Rng;
use serde_json::{Value, json};

/// The run that the server knows as the job's latest.
async fn last_run(server: &Server, job: &str) -> Value {
    let jobs = server.api().get("/jobs").await;
    let job = jobs.as_array().unwrap().iter().find(|known| known["name"] == job).unwrap();
    job["last_run"].clone()
}

/// A server with a job whose runs are all told to a receiver.
async fn with_job(job: &str) -> (Server, Receiver) {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().job(job, &[(&channel, "always")]).await;
    (server, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn output_and_input_pass_through_byte_for_byte() {
    let (server, _receiver) = with_job("nightly").await;
    let user = server.wrapper();
    let mut bytes = vec![0; 1_000_000];
    rand::rng().fill_bytes(&mut bytes);
    fs::write(user.place().join("bytes"), &bytes).unwrap();
    let ran = user.sh("nightly", "cat bytes; cat bytes >&2; printf end").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err());
    assert!(ran.out == [bytes.as_slice(), b"end"].concat(), "standard output is another one");
    assert!(ran.err == bytes, "error output is another one, or something was added to it");

    let source = fs::File::open(user.place().join("bytes")).unwrap();
    let ran = user.start(&["--job", "nightly", "--", "cat"], source).end().await;
    assert!(ran.code == Some(0) && ran.out == bytes && ran.err.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn output_passes_through_at_once() {
    let user = Wrapper::new("http://127.0.0.1:1", "none");
    let script = "printf half; printf lf >&2; read answer; printf %s $answer";
    let mut running = user.start(&["--job", "nightly", "--", "sh", "-c", script], Stdio::piped());
    running.says("half a line", |out| out == "half").await;
    running.says_of_errors("half a line", |err| err == "lf").await;
    running.type_in(b"-and-half\n");
    assert_eq!(running.end().await.out(), "half-and-half");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_well_says_nothing_and_is_reported() {
    let (server, receiver) = with_job("a/b ä?#%").await;
    let user = server.wrapper();
    fs::create_dir(user.place().join("made")).unwrap();
    let before = SystemTime::now();
    let script = "head -c 1000 /dev/zero > made/one; head -c 24 /dev/zero > made/two; echo 12345 > three";
    let arguments = ["--job", "a/b ä?#%", "--source", "Shop", "--size-of", "made", "--size-of", "three", "--"];
    let ran = user.run(&[&arguments[..], &["sh", "-c", script]].concat()).await;
    assert_eq!((ran.code, ran.out(), ran.err()), (Some(0), String::new(), String::new()));
    server.api().settled().await;
    let body = receiver.requests()[0].json();
    assert_eq!((&body["title"], receiver.count()), (&json!("Backup Successful: a/b ä?#%"), 1));
    let run = last_run(&server, "a/b ä?#%").await;
    assert_eq!((&run["outcome"], &run["size_bytes"], &run["error"]), (&json!("success"), &json!(1_030), &json!(null)));
    assert!(run["duration_ms"].as_u64().unwrap() < 20_000);
    let event = server.api().get(&format!("/events/{}", run["event_id"].as_str().unwrap())).await;
    assert_eq!(event["data"]["source_name"], "Shop");
    let at: SystemTime = event["occurred_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().into();
    assert!(at >= before - Duration::from_millis(1) && at <= SystemTime::now());
    assert!(user.waiting().is_empty() && !user.place().join("spool").exists());

    // Asked for, it is said; and programs get the server's answer beside the command's output.
    let ran = user.run(&["--job", "a/b ä?#%", "-v", "--", "true"]).await;
    assert!(ran.err().starts_with("fanfare: reported success of \"a/b ä?#%\" ("), "{}", ran.err());
    assert!(ran.err().ends_with("); 1 told\n"), "{}", ran.err());
    let ran = user.run(&["--json", "--job", "a/b ä?#%", "--", "echo", "out"]).await;
    assert_eq!(ran.out(), "out\n");
    let answer: Value = serde_json::from_str(&ran.err()).unwrap();
    assert_eq!((&answer["duplicate"], &answer["deliveries"][0]["channel_name"]), (&json!(false), &json!("ops")));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_pass_through_and_decide_the_outcome() {
    let (server, _receiver) = with_job("nightly").await;
    let user = server.wrapper();
    for (code, outcome) in [(0, "success"), (1, "partial"), (2, "failure"), (3, "partial"), (255, "failure")] {
        let script = format!("exit {code}");
        let ran = user.run(&["--job", "nightly", "--partial-exit", "1,3", "--", "sh", "-c", &script]).await;
        assert_eq!((ran.code, ran.err()), (Some(code), String::new()));
        let run = last_run(&server, "nightly").await;
        assert_eq!(run["outcome"], outcome, "{code}");
        let error = if code == 0 { json!(null) } else { json!(format!("exit code {code}")) };
        assert_eq!(run["error"], error);
    }
    let ran = user.sh("nightly", "kill -KILL $$").await;
    assert_eq!(ran.code, Some(137));
    assert_eq!(last_run(&server, "nightly").await["error"], "killed by signal SIGKILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_with_the_last_lines() {
    let (server, receiver) = with_job("nightly").await;
    let user = server.wrapper();
    let script = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line $i >&2; done; echo not this one; \
                  printf '\\033[31mred\\033[0m\\n 10%%\\r 90%%\\r100%%\\nlast words\\033' >&2; exit 4";
    let ran = user.sh("nightly", script).await;
    assert_eq!((ran.code, ran.out().as_str()), (Some(4), "not this one\n"));
    assert!(ran.err().starts_with("line 1\n") && ran.err().ends_with("\r100%\nlast words\u{1b}"), "{}", ran.err());
    server.api().settled().await;
    let body = receiver.requests()[0].json();
    let expected: Vec<_> = (154..=200).map(|i| format!("line {i}")).collect();
    let expected = format!("exit code 4\n{}\nred\n100%\nlast words", expected.join("\n"));
    assert_eq!(last_run(&server, "nightly").await["error"], expected);
    let error = body["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Error").unwrap();
    assert_eq!(error["value"], expected);
    assert_eq!(body["title"], "Backup Failed: nightly");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_command_and_the_run_is_still_reported() {
    let (server, _receiver) = with_job("nightly").await;
    let user = server.wrapper();
    let script = "for s in HUP INT QUIT USR1 USR2; do trap \"echo got $s\" $s; done; trap 'echo got TERM; exit 7' TERM; \
                  echo ready; while :; do sleep 0.02; done";
    let running = user.start(&["--job", "nightly", "--", "sh", "-c", script], Stdio::null());
    running.says("that it is ready", |out| out == "ready\n").await;
    let mut expected = "ready\n".to_owned();
    for name in ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM"] {
        running.signal(name);
        expected += &format!("got {name}\n");
        running.says(&format!("{name} at the command"), |out| out == expected).await;
    }
    let ran = running.end().await;
    assert_eq!((ran.code, ran.err()), (Some(7), String::new()));
    assert_eq!(last_run(&server, "nightly").await["error"], "exit code 7");

    // One that does not care is ended by it.
    let running = user.start(&["--job", "nightly", "--", "sh", "-c", "echo ready; exec sleep 600"], Stdio::null());
    running.says("that it is ready", |out| out == "ready\n").await;
    running.signal("TERM");
    assert_eq!(running.end().await.code, Some(143));
    let run = last_run(&server, "nightly").await;
    assert_eq!((&run["outcome"], &run["error"]), (&json!("failure"), &json!("killed by signal SIGTERM")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_stays_ignored() {
    let (server, _receiver) = with_job("nightly").await;
    let user = server.wrapper();
    // As under nohup. The command says of itself what it ignores.
    let inner = "trap '' HUP; exec \"$0\" run --job nightly -- sh -c 'grep SigIgn /proc/$$/status; read x; echo done'";
    let mut command = Command::new("sh");
    command.args(["-c", inner]).arg(binary()).env_clear().envs(user.variables()).current_dir(user.place());
    let mut running = Running::of(command, Stdio::piped());
    let out = running.says("what it ignores", |out| out.ends_with('\n')).await;
    let mask = u64::from_str_radix(out.trim().rsplit('\t').next().unwrap(), 16).unwrap();
    assert_eq!(mask & 1, 1, "{out}");
    running.signal("HUP");
    running.type_in(b"\n");
    let ran = running.end().await;
    assert!(ran.code == Some(0) && ran.out().ends_with("done\n"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_leaves_running_holds_nothing_up() {
    let (server, _receiver) = with_job("nightly").await;
    let user = server.wrapper();
    let began = Instant::now();
    let ran = user.sh("nightly", "sleep 600 & echo $!; echo left behind >&2; exit 5").await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    signal(ran.out().trim().parse().unwrap(), "KILL");
    assert_eq!((ran.code, ran.err().as_str()), (Some(5), "left behind\n"));
    assert_eq!(last_run(&server, "nightly").await["error"], "exit code 5\nleft behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_run_is_a_failure() {
    let (server, _receiver) = with_job("nightly").await;
    let user = server.wrapper();
    let ran = user.run(&["--job", "nightly", "--", "pg_dumpp", "shop"]).await;
    assert_eq!((ran.code, ran.err().as_str()), (Some(127), "fanfare: command not found: pg_dumpp\n"));
    let run = last_run(&server, "nightly").await;
    assert_eq!((&run["outcome"], &run["error"]), (&json!("failure"), &json!("command not found: pg_dumpp")));

    let script = user.place().join("backup.sh");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = user.run(&["--job", "nightly", "--", "./backup.sh"]).await;
    assert_eq!(ran.code, Some(126));
    let said = "the command could not be run: ./backup.sh: ";
    assert!(ran.err().starts_with(&format!("fanfare: {said}")), "{}", ran.err());
    let run = last_run(&server, "nightly").await;
    assert!(run["error"].as_str().unwrap().starts_with(said), "{run}");
    fs::write(&script, "#!/no/such/shell\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = user.run(&["--job", "nightly", "--", "./backup.sh"]).await;
    assert!(ran.code == Some(126) && ran.err().contains("interpreter"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reported_is_said_and_changes_no_exit_code() {
    let (server, _receiver) = with_job("nightly").await;
    let mut user = server.wrapper();
    let check = async |user: &Wrapper, job: &str, says: &[&str]| {
        for code in [0, 9] {
            let ran = user.sh(job, &format!("echo out; echo err >&2; exit {code}")).await;
            assert_eq!((ran.code, ran.out().as_str()), (Some(code), "out\n"), "{}", ran.err());
            assert!(ran.err().contains("err\n"), "{}", ran.err());
            for words in says {
                assert!(ran.err().contains(words), "{words} is not said: {}", ran.err());
            }
        }
        assert!(user.waiting().is_empty());
    };
    check(&user, "nobody", &["there is no job \"nobody\"", "check the name"]).await;
    assert_eq!(server.api().get("/jobs").await.as_array().unwrap().len(), 1, "no job is made");
    user.set_token("wrong");
    check(&user, "nightly", &["FANFARE_TOKEN", "(401)"]).await;
    user.set_token("");
    check(&user, "nightly", &["will not be reported", "no token"]).await;
    user.set_url("nowhere");
    check(&user, "nightly", &["will not be reported", "FANFARE_URL"]).await;
    fs::write(user.place().join("fanfare.toml"), "lissten = 1").unwrap();
    check(&user, "nightly", &["will not be reported", "lissten"]).await;
    assert_eq!(server.api().metrics().await.accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_is_not_known_is_said_and_left_out() {
    let (server, _receiver) = with_job("nightly").await;
    let ran = server.wrapper().run(&["--job", "nightly", "--size-of", "missing.sql", "--", "true"]).await;
    assert_eq!(ran.code, Some(0));
    let said = "fanfare: the size of missing.sql is not known: there is no such file or directory\n";
    assert_eq!(ran.err(), said);
    let run = last_run(&server, "nightly").await;
    assert_eq!((&run["outcome"], &run["size_bytes"]), (&json!("success"), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_use_runs_nothing() {
    let user = Wrapper::new("http://127.0.0.1:1", "none");
    for arguments in [
        &["--", "touch", "ran"][..],
        &["--job", "nightly"],
        &["--job", "nightly", "touch", "ran"],
        &["--job", "", "--", "touch", "ran"],
        &["--job", "..", "--", "touch", "ran"],
        &["--job", "nightly", "--partial-exit", "0", "--", "touch", "ran"],
        &["--job", "nightly", "--colour", "--", "touch", "ran"],
        &["--listen", "127.0.0.1:0", "--job", "nightly", "--", "touch", "ran"],
    ] {
        let ran = user.run(arguments).await;
        assert!(ran.code == Some(2) && !ran.err.is_empty(), "{arguments:?}: {ran:?}");
        assert!(!user.place().join("ran").exists(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_waited_for_by_whoever_asks_to_stop() {
    let stub = Receiver::start().await;
    stub.answer_always(Answer::hang());
    let user = Wrapper::new(&stub.url(""), "token");
    let running = user.start(&["--job", "nightly", "--", "sh", "-c", "exit 6"], Stdio::null());
    stub.wait_for(1, PATIENCE).await;
    let began = Instant::now();
    running.signal("TERM");
    let ran = running.end().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(ran.code, Some(6));
    assert!(ran.err().contains("is not reported yet: a signal came"), "{}", ran.err());
    assert_eq!(user.waiting().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_holds_the_exit_code_up_for_a_bounded_time() {
    let stub = Receiver::start().await;
    stub.answer_always(Answer::hang());
    let user = Wrapper::new(&stub.url(""), "token");
    let began = Instant::now();
    let running = user.start(&["--job", "nightly", "--", "sh", "-c", "exit 6"], Stdio::null());
    let ran = running.end_within(Duration::from_secs(40)).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(14) && took < Duration::from_secs(30), "{took:?}");
    assert_eq!((ran.code, user.waiting().len()), (Some(6), 1));
    assert!(ran.err().contains("within 15 s"), "{}", ran.err());
}
