//! What the server can be made to connect to, and who decides.

use fanfare_testkit::{Answer, Receiver, Spelled, Trap, spellings};
use fanfare_tests::{PATIENCE, Server};
use http::Method;
use serde_json::{Value, json};

const OUTBOUND: &str = "/settings/outbound";

/// Tests a channel of this configuration; `None` where it cannot even be saved.
async fn tested(server: &Server, kind: &str, config: Value) -> Option<Value> {
    let channel = json!({ "name": "far", "kind": kind, "config": config });
    let made = server.api().call(Method::POST, "/channels", Some(&channel)).await;
    if made.status == 422 {
        return None;
    }
    let id = made.ok()["id"].as_str().unwrap().to_owned();
    Some(server.api().post(&format!("/channels/{id}/test"), json!({})).await)
}

fn refused(test: &Value) -> bool {
    assert_eq!(test["ok"], false, "{test}");
    let detail = test["detail"].as_str().unwrap();
    match test["blocked_network"].as_str() {
        Some(network) => detail.contains(network) && detail.contains("allow"),
        None => detail.contains("always refused"),
    }
}

#[tokio::test]
async fn no_spelling_of_a_host_is_reached_over_http() {
    let server = Server::start_with(&[("FANFARE_ALLOW_NETWORKS", "")]).await;
    let trap = Trap::everywhere();
    let (mut tried, mut by_guard) = (0, 0);
    for (host, what) in spellings() {
        tried += 1;
        let url = format!("http://{host}:{}/hook", trap.port());
        let Some(test) = tested(&server, "webhook", json!({ "url": url })).await else {
            // A user in an address is refused when it is saved.
            assert!(what == Spelled::Nothing || host.contains('@'), "{host} was not saved");
            continue;
        };
        assert!(refused(&test) || what != Spelled::Address, "{host}: {test}");
        by_guard += usize::from(refused(&test));
    }
    assert!(tried >= 60 && by_guard >= 60, "{tried} {by_guard}");
    assert_eq!(trap.count(), 0);
}

#[tokio::test]
async fn no_spelling_of_a_host_is_reached_over_smtp() {
    let server = Server::start_with(&[("FANFARE_ALLOW_NETWORKS", "")]).await;
    let trap = Trap::everywhere();
    let mut by_guard = 0;
    for (host, what) in spellings() {
        let config = json!({
            "host": host, "port": trap.port(), "security": "none", "from": "f@mail.example", "to": ["o@mail.example"],
        });
        let Some(test) = tested(&server, "email", config).await else {
            assert!(what == Spelled::Nothing || host.contains('@'), "{host} was not saved");
            continue;
        };
        assert!(refused(&test) || what != Spelled::Address, "{host}: {test}");
        by_guard += usize::from(refused(&test));
    }
    assert!(by_guard >= 60, "{by_guard}");
    assert_eq!(trap.count(), 0);
}

#[tokio::test]
async fn every_kind_with_an_address_of_its_own_is_guarded() {
    let server = Server::start_with(&[("FANFARE_ALLOW_NETWORKS", "")]).await;
    let trap = Trap::everywhere();
    let at = format!("http://[::ffff:127.0.0.1]:{}", trap.port());
    let sid = "AC00000000000000000000000000000000";
    let kinds = [
        ("discord", json!({ "webhook_url": format!("{at}/api/webhooks/123456789012345678/T0K3N") })),
        ("slack", json!({ "webhook_url": format!("{at}/services/T0/B0/T0K3N") })),
        ("teams", json!({ "webhook_url": format!("{at}/workflows/x/triggers/manual/paths/invoke?sig=T0K3N") })),
        (
            "telegram",
            json!({ "bot_token": "123456789:T0K3N_T0K3N_T0K3N_T0K3N_T0K3N_T0K3N", "chat_id": "-1", "api_url": at }),
        ),
        ("gotify", json!({ "server_url": at, "app_token": "AT0K3N" })),
        ("ntfy", json!({ "server_url": at, "topic": "alerts" })),
        (
            "twilio",
            json!({ "account_sid": sid, "auth_token": "T0K3N", "from": "+15005550006", "to": "+15005550010", "api_url": at }),
        ),
    ];
    for (kind, config) in kinds {
        let test = tested(&server, kind, config).await.expect(kind);
        assert!(refused(&test), "{kind}: {test}");
        assert_eq!(test["blocked_network"], "127.0.0.0/8", "{kind}");
    }
    assert_eq!(trap.count(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_each_time() {
    let mut server = Server::prepare(&[("FANFARE_ALLOW_NETWORKS", "127.0.0.2/32")]);
    server.preload(include_str!("rebind.c"));
    server.restart().await;

    let allowed = Trap::on("127.0.0.2:0");
    let trap = Trap::on(&format!("127.0.0.1:{}", allowed.port()));
    let mail = json!({
        "host": "rebind.example", "port": trap.port(), "security": "none", "from": "f@mail.example",
        "to": ["o@mail.example"],
    });
    let hook = json!({ "url": format!("http://rebind.example:{}/hook", trap.port()) });
    let mut reached = 0;
    for (kind, config) in [("webhook", hook), ("email", mail)] {
        let channel = json!({ "name": kind, "kind": kind, "config": config });
        let id = server.api().post("/channels", channel).await["id"].as_str().unwrap().to_owned();
        let (mut passed, mut stopped) = (0, 0);
        for _ in 0..8 {
            let test = server.api().post(&format!("/channels/{id}/test"), json!({})).await;
            match test["blocked_network"].as_str() {
                Some(network) => {
                    assert_eq!(network, "127.0.0.0/8");
                    stopped += 1;
                }
                None => passed += 1,
            }
        }
        // One look-up for each attempt: what was judged is what was connected to.
        assert_eq!((passed, stopped), (4, 4), "{kind}");
        reached += passed;
    }
    assert_eq!((allowed.count(), trap.count()), (reached, 0));
}

#[tokio::test]
async fn proxies_of_the_environment_and_redirects_are_not_followed() {
    let trap = Trap::everywhere();
    let proxy = format!("http://127.0.0.1:{}", trap.port());
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let variables: Vec<_> = names.iter().map(|&name| (name, proxy.as_str())).collect();
    let server = Server::start_with(&variables).await;
    let receiver = Receiver::start().await;
    for status in [301, 302, 303, 307, 308] {
        receiver.answer_always(Answer::status(status).header("location", format!("{proxy}/latest/meta-data")));
        let test = tested(&server, "webhook", json!({ "url": receiver.url("/hook") })).await.unwrap();
        assert_eq!(test["ok"], false, "{test}");
        assert!(test["detail"].as_str().unwrap().starts_with(&status.to_string()), "{test}");
    }
    assert_eq!((receiver.count(), trap.count()), (5, 0));
}

#[tokio::test]
async fn an_administrator_allows_a_network_and_takes_it_back() {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("ops", receiver.url("/hook")).await;
    server.api().make_global(&[&id]).await;
    let test = async |server: &Server| server.api().post(&format!("/channels/{id}/test"), json!({})).await;

    let shown = server.api().get(OUTBOUND).await;
    let home = json!(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]);
    assert_eq!(shown, json!({ "allow_networks": home, "locked": false }));
    let first = test(&server).await;
    assert_eq!((&first["ok"], &first["blocked_network"]), (&json!(false), &json!("127.0.0.0/8")), "{first}");
    // The command line names what to do, and doing it helps.
    let said = server.cli().run(&["channels", "test", "ops"]);
    assert!(said.out.contains("fanfare outbound allow 127.0.0.0/8"), "{said:?}");
    let _ = server.cli().run(&["outbound", "allow", "127.0.0.0/8"]).done();
    assert_eq!(test(&server).await["ok"], true);
    let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
    server.api().post("/events", event.clone()).await;
    receiver.wait_for(2, PATIENCE).await;

    // It is stored, and survives a start.
    assert_eq!(server.terminate().await, Some(0));
    server.restart().await;
    assert_eq!(test(&server).await["ok"], true);

    // Taken back, it is in force at once, for the connection that is still open too.
    let _ = server.cli().run(&["outbound", "forbid", "127.0.0.0/8"]).done();
    assert_eq!(server.api().get(OUTBOUND).await["allow_networks"], home);
    let count = receiver.count();
    assert_eq!(test(&server).await["blocked_network"], "127.0.0.0/8");
    assert_eq!(receiver.count(), count);
    // What waited for it ends as a mistake of the configuration that names the network.
    server.api().post("/events", event).await;
    server.api().settled().await;
    let dead = server.api().all("/deliveries?state=dead").await;
    assert!(dead[0]["last_error"].as_str().unwrap().contains("127.0.0.0/8"), "{}", dead[0]);
}

#[tokio::test]
async fn the_operator_s_list_locks_the_setting() {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let receiver = Receiver::start().await;
    server.api().put(OUTBOUND, json!({ "allow_networks": ["127.0.0.0/8"] })).await;
    for (list, shown, reached) in
        [("", json!([]), false), ("127.0.0.1, 10.0.0.0/8", json!(["127.0.0.1/32", "10.0.0.0/8"]), true)]
    {
        assert_eq!(server.terminate().await, Some(0));
        server.set("FANFARE_ALLOW_NETWORKS", list);
        server.restart().await;
        assert_eq!(server.api().get(OUTBOUND).await, json!({ "allow_networks": shown, "locked": true }));
        let change = json!({ "allow_networks": ["127.0.0.0/8"] });
        let problem = server.api().call(Method::PUT, OUTBOUND, Some(&change)).await.problem();
        assert_eq!(problem.status, 409);
        assert!(problem.document["detail"].as_str().unwrap().contains("FANFARE_ALLOW_NETWORKS"), "{problem:?}");
        let test = tested(&server, "webhook", json!({ "url": receiver.url("/hook") })).await.unwrap();
        assert_eq!(test["ok"], reached, "{test}");
    }
    // Without the list, what was stored counts again.
    assert_eq!(server.terminate().await, Some(0));
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    assert_eq!(server.api().get(OUTBOUND).await, json!({ "allow_networks": ["127.0.0.0/8"], "locked": false }));
}
