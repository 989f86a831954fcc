//! axe-core, which finds what keeps people with a screen reader, a keyboard or weak eyes from using a page. Chromium
//! carries it with its developer tools, so that nothing has to be fetched.

use serde_json::{Value, json};

use super::Stage;

/// Where Chromium keeps the tools that contain it.
const BUNDLE: &str = "/devtools/third_party/lighthouse/lighthouse-dt-bundle.js";

/// The checker, ready to run.
pub(crate) struct Axe {
    source: String,
}

impl Axe {
    /// Takes it out of the browser of this stage, or from the file that `FANFARE_AXE` names.
    ///
    /// # Panics
    /// When it is not there.
    pub(crate) async fn of(stage: &Stage) -> Self {
        if let Some(path) = std::env::var_os("FANFARE_AXE") {
            return Self { source: std::fs::read_to_string(path).expect("FANFARE_AXE names a file") };
        }
        let bundle = stage.tool(BUNDLE).await;
        let begin = bundle.find("`/*! axe v").expect("axe-core within Chromium's developer tools");
        let literal = &bundle[begin..=begin + end(&bundle[begin..])];
        // It is written there as a template without anything to fill in. The browser knows best how to read that.
        stage.page().client().goto("about:blank").await.unwrap();
        let source = stage.page().run(&format!("return {literal}"), json!([])).await;
        Self { source: source.as_str().unwrap().to_owned() }
    }

    /// What is wrong with the page that is shown, each finding with the elements that it is about. `rules` limits it to
    /// these rules; all of them where empty.
    pub(crate) async fn check(&self, stage: &Stage, rules: &[&str]) -> Vec<Value> {
        let page = stage.page();
        if page.run("return typeof axe", json!([])).await != "object" {
            page.run(&self.source, json!([])).await;
        }
        let only = if rules.is_empty() { json!({}) } else { json!({ "runOnly": { "type": "rule", "values": rules } }) };
        let script = "const { violations } = await axe.run(document, { resultTypes: ['violations'], ...arguments[0] });
                      return violations.map(({ id, help, nodes }) => ({
                        id, help, nodes: nodes.map((node) => `${node.target}: ${node.html.slice(0, 160)}: ${node.failureSummary}`),
                      }))";
        let script = format!(
            "return (async (...arguments_) => {{ {} }})(...arguments)",
            script.replace("arguments[0]", "arguments_[0]")
        );
        let Value::Array(found) = page.run(&script, json!([only])).await else { panic!("axe says a list") };
        found
    }
}

/// Where the template literal that begins with the first character ends.
fn end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while bytes[at] != b'`' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}
