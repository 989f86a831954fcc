//! `fanfare event-types check`

use std::path::PathBuf;

use fanfare::{Preview, core::Catalog, registry};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    output::{self, Screen, Table},
    serve::event_types as of_directory,
};

/// Reads the files of event types as a server would, beside those that come with Fanfare.
pub(crate) fn event_types(files: &[PathBuf], screen: &Screen, json: bool) -> Result<(), Failure> {
    let mut texts = Vec::new();
    for file in files {
        if file.is_dir() {
            texts.extend(of_directory(Some(file))?);
        } else {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::WrongUse(format!("{} cannot be read: {error}", file.display())))?;
            texts.push((file.clone(), text));
        }
    }
    let told = checked(&texts, screen.now).map_err(Failure::Failed)?;
    let text = if json {
        let told: Vec<_> = told.iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
        Value::from(told).to_string()
    } else {
        let mut table = Table::new(["ID", "~ITS SAMPLE SAYS"]);
        for (id, title) in told {
            table.row([id.into(), title.into()]);
        }
        table.render(screen, "There is no TOML file.")
    };
    output::print(&text).map_err(|error| Failure::Failed(format!("the output cannot be written: {error}")))
}

/// The types that the files add, and the title of each one's sample; or what is wrong.
fn checked(texts: &[(PathBuf, String)], now: Timestamp) -> Result<Vec<(String, String)>, String> {
    let files: Vec<_> = texts.iter().map(|(file, text)| (file.display().to_string(), text.as_str())).collect();
    let files = files.iter().map(|(file, text)| (file.as_str(), *text));
    let catalog =
        Catalog::builtin().and_then(|catalog| catalog.with_types(files)).map_err(|error| error.to_string())?;
    let added = catalog.iter().filter(|event_type| !event_type.builtin);
    added
        .map(|event_type| {
            let id = event_type.id.to_string();
            let shown =
                Preview::of_kind(&registry(), &catalog, "webhook", &id, now).map_err(|error| error.to_string())?;
            let said: Value = serde_json::from_str(&shown.payload).map_err(|error| error.to_string())?;
            Ok((id, said["title"].as_str().unwrap_or_default().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "id = \"x\"\nname = \"X\"\ndescription = \"X.\"\ncategory = \"c\"\ndefault_enabled = true\n[wording]\n\
                        title = \"It is X\"\nmessage = \"\"\nstatus = \"info\"\ncolor = \"#3b82f6\"\n";

    #[test]
    fn what_is_right_is_shown_and_what_is_wrong_has_a_place() {
        let check = |text: &str| checked(&[(PathBuf::from("x.toml"), text.to_owned())], Timestamp::UNIX_EPOCH);
        assert_eq!(check(GOOD).unwrap(), [("x".to_owned(), "It is X".to_owned())]);
        let wrong = check(&GOOD.replace("It is X", "{{y}}")).unwrap_err();
        assert!(wrong.starts_with("x.toml, line 7: wording.title: line 1, column 1: no datum is called y"), "{wrong}");
        let wrong = check(&GOOD.replace("info", "grave")).unwrap_err();
        assert!(wrong.starts_with("x.toml, line 9: wording.status"), "{wrong}");
    }
}
