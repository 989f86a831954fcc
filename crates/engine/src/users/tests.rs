use std::{collections::BTreeMap, sync::LazyLock};

use fanfare_core::{Catalog, DirectoryError};
use mockall::predicate::eq;
use serde_json::json;

use super::*;

mockall::mock! {
    #[derive(Debug)]
    Users {}

    #[async_trait::async_trait]
    impl UserDirectory for Users {
        async fn find(&self, id: &str) -> Result<Option<User>, DirectoryError>;
    }
}

/// A directory that does not answer in the time of any test.
#[derive(Debug)]
struct Silent;

#[async_trait::async_trait]
impl UserDirectory for Silent {
    async fn find(&self, _id: &str) -> Result<Option<User>, DirectoryError> {
        std::future::pending().await
    }
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());

fn user(members: &[(&str, &str)]) -> User {
    let members: BTreeMap<_, _> = members.iter().copied().collect();
    serde_json::from_value(json!(members)).unwrap()
}

fn ada() -> User {
    user(&[("name", "Ada"), ("email", "Ada Lovelace <ada@b.example>")])
}

fn submission(event_type: &str, data: serde_json::Value, user: User) -> Submission {
    let data = data.as_object().unwrap().clone();
    Submission { event_type: event_type.into(), data, user: Some(user), ..Submission::default() }
}

async fn completed(directory: &dyn UserDirectory, submission: Submission) -> User {
    let event_type = CATALOG.get(&submission.event_type).unwrap();
    complete(directory, event_type, submission).await.user.unwrap()
}

/// A directory that knows Ada as 7 and is asked this often.
fn asked(times: usize) -> MockUsers {
    let mut users = MockUsers::new();
    users.expect_find().with(eq("7")).times(times).returning(|_| Ok(Some(ada())));
    users
}

#[tokio::test]
async fn a_user_is_looked_up_by_id_for_what_the_event_does_not_say() {
    let id = || user(&[("id", "7")]);
    let found = completed(&asked(1), submission("user_login", json!({}), id())).await;
    assert_eq!(found, user(&[("id", "7"), ("name", "Ada"), ("email", "ada@b.example")]));
    let null = submission("user_login", json!({"user_name": null, "email": ""}), id());
    assert_eq!(completed(&asked(1), null).await, found);

    // What the event says itself goes before what the directory knows.
    let named = submission("user_login", json!({"email": "countess@b.example"}), id());
    assert_eq!(completed(&asked(1), named).await, user(&[("id", "7"), ("name", "Ada")]));
    let own = user(&[("id", "7"), ("email", "countess@b.example")]);
    let found = completed(&asked(1), submission("user_login", json!({}), own)).await;
    assert_eq!(found, user(&[("id", "7"), ("name", "Ada"), ("email", "countess@b.example")]));
}

#[tokio::test]
async fn nobody_is_asked_without_need() {
    let said = json!({"user_name": "Ada", "email": "ada@b.example"});
    let id = user(&[("id", "7")]);
    assert_eq!(completed(&asked(0), submission("user_login", said, id.clone())).await, id);
    let whole = user(&[("id", "7"), ("name", "Ada"), ("email", "x@b.example")]);
    assert_eq!(completed(&asked(0), submission("user_login", json!({}), whole.clone())).await, whole);
    for no_id in [user(&[("id", " ")]), user(&[("name", "Ada")])] {
        assert_eq!(completed(&asked(0), submission("user_login", json!({}), no_id.clone())).await, no_id);
    }
    let no_user = json!({"component": "x", "error": "y"});
    assert_eq!(completed(&asked(0), submission("system_error", no_user, id.clone())).await, id);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_does_not_help_leaves_the_event_as_it_is() {
    let id = user(&[("id", "7")]);
    let ask = async |directory: &dyn UserDirectory| {
        completed(directory, submission("user_login", json!({}), id.clone())).await
    };
    let mut unknown = MockUsers::new();
    unknown.expect_find().times(1).returning(|_| Ok(None));
    let mut broken = MockUsers::new();
    broken.expect_find().times(1).returning(|_| Err("no connection".into()));
    let mut wrong = MockUsers::new();
    wrong.expect_find().times(1).returning(|_| Ok(Some(user(&[("name", " "), ("email", "none")]))));
    for directory in [&unknown as &dyn UserDirectory, &broken, &wrong] {
        assert_eq!(ask(directory).await, id);
    }
    let began = tokio::time::Instant::now();
    assert_eq!(ask(&Silent).await, id);
    assert_eq!(began.elapsed(), PATIENCE);
}
