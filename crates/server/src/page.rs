//! Long lists, a stretch at a time, newest first.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fanfare::Page;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;

/// A stretch of a long list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The entries.
    items: Vec<T>,
    /// What to send as `cursor` for the next stretch; null at the end.
    next_cursor: Option<String>,
}

/// Which stretch of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    before: Option<Uuid>,
    limit: u16,
}

impl Stretch {
    /// From the query parameters `limit` and `cursor`.
    pub(crate) fn new(limit: Option<u16>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(Problem::fault("/limit", "limit is a number from 1 to 200"));
        }
        let before = cursor.map(read_cursor).transpose()?;
        Ok(Self { before, limit })
    }

    /// What to ask the ledger for: one more than wanted, which tells whether there is more.
    pub(crate) fn page(self) -> Page {
        Page { before: self.before, limit: u64::from(self.limit) + 1 }
    }

    /// The list of what the ledger gave.
    pub(crate) fn list<V, T: From<V>>(self, found: Vec<V>, id: impl Fn(&V) -> Uuid) -> List<T> {
        self.list_until(found, id, None)
    }

    /// The same, where the ledger was looked through only until this entry.
    pub(crate) fn list_until<V, T: From<V>>(
        self,
        found: Vec<V>,
        id: impl Fn(&V) -> Uuid,
        end: Option<Uuid>,
    ) -> List<T> {
        let (found, next_cursor) = self.cut_until(found, id, end);
        List { items: found.into_iter().map(T::from).collect(), next_cursor }
    }

    /// What the ledger gave, without the one too many, and the cursor for the next stretch.
    pub(crate) fn cut<V>(self, found: Vec<V>, id: impl Fn(&V) -> Uuid) -> (Vec<V>, Option<String>) {
        self.cut_until(found, id, None)
    }

    /// The same, where the ledger was looked through only until this entry.
    pub(crate) fn cut_until<V>(
        self,
        mut found: Vec<V>,
        id: impl Fn(&V) -> Uuid,
        end: Option<Uuid>,
    ) -> (Vec<V>, Option<String>) {
        let limit = usize::from(self.limit);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| has_more).map(id).or(end);
        let next_cursor = last.map(|last| URL_SAFE_NO_PAD.encode(last));
        (found, next_cursor)
    }
}

fn read_cursor(cursor: &str) -> Result<Uuid, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let id = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
    id.ok_or_else(|| Problem::fault("/cursor", "this is no next_cursor of an earlier answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_where_nothing_is_left() {
        let stretch = Stretch::new(Some(2), None).unwrap();
        let ids: Vec<_> = (1..=3).map(Uuid::from_u128).collect();
        let list: List<Uuid> = stretch.list(ids.clone(), |id| *id);
        assert_eq!(list.items, ids[..2]);
        let next = Stretch::new(Some(2), list.next_cursor.as_deref()).unwrap();
        assert_eq!(next.before, Some(ids[1]));
        let list: List<Uuid> = next.list(vec![ids[2]], |id| *id);
        assert_eq!(list.next_cursor, None);
    }

    #[test]
    fn a_search_goes_on_where_it_ended() {
        let stretch = Stretch::new(Some(2), None).unwrap();
        let id = |n| Uuid::from_u128(n);
        let end = |found: Vec<Uuid>| {
            let (_, next) = stretch.cut_until(found, |id| *id, Some(id(7)));
            Stretch::new(Some(2), next.as_deref()).unwrap().before
        };
        assert_eq!(end(vec![]), Some(id(7)));
        assert_eq!(end(vec![id(9)]), Some(id(7)));
        assert_eq!(end(vec![id(12), id(11), id(10)]), Some(id(11)));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert!(Stretch::new(Some(0), None).is_err());
        assert!(Stretch::new(Some(201), None).is_err());
        assert!(Stretch::new(None, Some("?")).is_err());
        assert!(Stretch::new(None, Some("AAAA")).is_err());
    }
}
