//! `fanfare users`

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Session;
use crate::{
    args::{Role, UserUpdate, word},
    failure::Failure,
    output::{Cell, Screen, Table, relative},
    password,
};

/// An account.
#[derive(Debug, Deserialize)]
struct User {
    id: String,
    name: String,
    email: String,
    role: String,
    last_sign_in_at: Option<Timestamp>,
}

pub(super) async fn list(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&["users"], &[]).await?;
    session.show(&answer, |users: &Vec<User>, screen| table(users, screen))
}

pub(super) async fn create(email: &str, name: &str, role: Role, session: &Session) -> Result<(), Failure> {
    let password = password::read("Password of the new account")?;
    let body = json!({ "name": name, "email": email, "role": word(&role), "password": password.expose_secret() });
    let answer = session.client.post(&["users"], Some(&body)).await?;
    session.show(&answer, |user: &User, _| format!("{} now has an account ({}).", user.email, user.role))
}

pub(super) async fn update(args: &UserUpdate, session: &Session) -> Result<(), Failure> {
    if args.name.is_none() && args.email.is_none() && args.role.is_none() && !args.password {
        return Err(Failure::WrongUse("say what is to change: --name, --email, --role or --password".into()));
    }
    let id = session.user(&args.user).await?;
    let password = args.password.then(|| password::read("New password")).transpose()?;
    let answer = session.client.patch(&["users", &id], &change(args, password.as_ref())).await?;
    session.show(&answer, |user: &User, _| format!("{} is changed.", user.email))
}

pub(super) async fn delete(email: &str, session: &Session) -> Result<(), Failure> {
    let id = session.user(email).await?;
    session.client.delete(&["users", &id], &[]).await?;
    session.done(&format!("The account {email} is deleted."))
}

fn change(args: &UserUpdate, password: Option<&SecretString>) -> Value {
    let members = [
        ("name", args.name.clone()),
        ("email", args.email.clone()),
        ("role", args.role.as_ref().map(word)),
        ("password", password.map(|password| password.expose_secret().to_owned())),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Value::Object(given.collect::<Map<_, _>>())
}

fn table(users: &[User], screen: &Screen) -> String {
    let mut table = Table::new(["EMAIL", "NAME", "ROLE", "SIGNED IN", "ID"]);
    for user in users {
        table.row([
            Cell::from(&user.email),
            (&user.name).into(),
            (&user.role).into(),
            user.last_sign_in_at.map_or("never".into(), |at| relative(at, screen.now)).into(),
            screen.id(&user.id).into(),
        ]);
    }
    table.render(screen, "There are no accounts yet: the server prints a link for the first one when it starts.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    #[test]
    fn accounts_are_listed() {
        let users: Vec<User> = serde_json::from_value(json!([
            { "id": "01987a5e-1234-7000-8000-000011112222", "name": "Ada Lovelace", "email": "ada@b.example",
              "role": "admin", "last_sign_in_at": "2026-03-29T10:00:00Z" },
            { "id": "01987a5e-1234-7000-8000-000033334444", "name": "Grace", "email": "grace@b.example",
              "role": "viewer", "last_sign_in_at": null },
        ]))
        .unwrap();
        let expected = "\
EMAIL            NAME          ROLE    SIGNED IN  ID
ada@b.example    Ada Lovelace  admin   2 h ago    11112222
grace@b.example  Grace         viewer  never      33334444";
        assert_eq!(table(&users, &test_screen(Some(80))), expected);
    }

    #[test]
    fn only_what_is_given_changes() {
        let args = UserUpdate { user: "u".into(), name: Some("N".into()), email: None, role: None, password: false };
        assert_eq!(change(&args, None), json!({ "name": "N" }));
        let args = UserUpdate { role: Some(Role::Viewer), name: None, ..args };
        assert_eq!(change(&args, Some(&"p".into())), json!({ "role": "viewer", "password": "p" }));
    }
}
