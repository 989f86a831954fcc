//! Whether an event's data are those of its type.

use serde_json::{Map, Value};

use super::EventType;
use crate::{Fault, User, escape_pointer};

impl EventType {
    /// Checks the data of an event and returns them as they are kept: what names the user is filled in
    /// from `user` where it is absent, and null is taken out. Where `user` has an id, its name and address are not
    /// demanded.
    ///
    /// Everything that is wrong is reported, with pointers below `/data`.
    pub fn check(&self, mut data: Map<String, Value>, user: Option<&User>) -> Result<Map<String, Value>, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut nulls = false;
        for (key, value) in &mut data {
            match self.field(key) {
                None => faults.push(self.unknown(key)),
                Some(_) if value.is_null() => nulls = true,
                Some(field) => field.check(value, &mut faults),
            }
        }
        if nulls {
            data.retain(|_, value| !value.is_null());
        }
        if let (Some(fields), Some(user)) = (&self.notify_user, user) {
            for (field, value) in [(&fields.name, &user.name), (&fields.email, &user.email)] {
                if let (Some(field), Some(value)) = (field, value)
                    && !data.contains_key(field)
                {
                    data.insert(field.clone(), Value::String(value.clone()));
                }
            }
        }
        let known = user.and_then(|user| user.id.as_deref()).filter(|id| !id.trim().is_empty());
        let excused = self.stand_in(&mut data, known);
        for field in self.fields.iter().filter(|field| field.required) {
            if !data.contains_key(&field.name) && excused != Some(field.name.as_str()) {
                faults.push(field.missing());
            }
        }
        if faults.is_empty() { Ok(data) } else { Err(faults) }
    }

    /// A user who is named by an id is known, even where nobody knows their name and address: the id stands for the
    /// name, and the address, whose field is returned, may be missing.
    fn stand_in(&self, data: &mut Map<String, Value>, id: Option<&str>) -> Option<&str> {
        let (fields, id) = (self.notify_user.as_ref()?, id?);
        if let Some(name) = &fields.name
            && !data.contains_key(name)
        {
            data.insert(name.clone(), id.into());
        }
        fields.email.as_deref()
    }

    fn unknown(&self, key: &str) -> Fault {
        let hint = match self.nearest(key) {
            Some(near) => format!("did you mean {near}?"),
            None if self.fields.is_empty() => "this type has no data".to_owned(),
            None => {
                let names: Vec<_> = self.fields.iter().map(|field| field.name.as_str()).collect();
                format!("its data are {}", names.join(", "))
            }
        };
        // A key is repeated at most in part: it may be anything that somebody sent.
        let shown: String = key.chars().take(64).collect();
        Fault::new(format!("/data/{}", escape_pointer(key)), format!("{} has no {shown:?}: {hint}", self.id))
    }

    /// The known key that somebody who wrote `key` most likely meant.
    fn nearest(&self, key: &str) -> Option<&str> {
        if key.len() > 64 {
            return None;
        }
        let plain = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        let wanted = plain(key);
        let distances = self.fields.iter().map(|field| {
            let known = plain(&field.name);
            // A key without its unit, such as `duration` for `duration_ms`, is as good as right.
            let bare = wanted.len() >= 3 && known.starts_with(&wanted);
            (if bare { 0 } else { distance(&wanted, &known) }, field)
        });
        let (distance, field) = distances.min_by_key(|(distance, _)| *distance)?;
        (distance <= wanted.chars().count() / 3).then_some(&field.name)
    }
}

/// The least number of characters to insert, delete or replace to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
