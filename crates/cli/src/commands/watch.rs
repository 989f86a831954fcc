//! `fanfare deliveries watch`

use bytes::{Buf, BytesMut};
use serde_json::Value;

use super::{Session, answers::Delivery, deliveries::line};
use crate::{failure::Failure, output};

/// Shows every delivery that changes, a line each, until it is interrupted or the server ends.
pub(super) async fn watch(session: &Session) -> Result<(), Failure> {
    let mut stream = session.client.stream(&["deliveries", "stream"]).await?;
    let mut events = Events::default();
    let broken = |error: fanfare::core::TransportError| Failure::Unreachable(format!("the server is gone: {error}"));
    while let Some(piece) = stream.next().await.map_err(broken)? {
        events.take(&piece);
        while let Some(event) = events.next() {
            if let Some(line) = said(&event, session)? {
                output::print(&line)
                    .map_err(|error| Failure::Failed(format!("the output cannot be written: {error}")))?;
            }
        }
    }
    Err(Failure::Unreachable("the server has ended the stream: it is stopping".into()))
}

fn said(event: &Event, session: &Session) -> Result<Option<String>, Failure> {
    let not_understood = |error| Failure::Failed(format!("the answer is not understood: {error}"));
    Ok(match event.name.as_str() {
        "delivery" if session.json => Some(event.data.clone()),
        "delivery" => {
            let delivery: Delivery = serde_json::from_str(&event.data).map_err(not_understood)?;
            Some(line(&delivery, &session.screen))
        }
        "many" if session.json => Some(Value::Null.to_string()),
        "many" => Some("many deliveries have changed: fanfare deliveries list shows them".into()),
        _ => None,
    })
}

/// A server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    name: String,
    data: String,
}

/// Server-sent events out of the pieces in which they come (the HTML standard, "Server-sent events").
#[derive(Debug, Default)]
struct Events {
    rest: BytesMut,
    event: Event,
}

impl Events {
    fn take(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
    }

    /// The next event that is complete.
    fn next(&mut self) -> Option<Event> {
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[..end]).trim_end_matches('\r').to_owned();
            self.rest.advance(end + 1);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if !event.data.is_empty() {
                    return Some(event);
                }
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => value.clone_into(&mut self.event.name),
                "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
                "data" => self.event.data = format!("{}\n{value}", self.event.data),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text =
            ": watching\n\nevent: delivery\nid: 7\ndata: {\"a\":\ndata: 1}\n\nevent: many\r\ndata: {}\r\n\r\n:\n\n";
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        for size in [1, 7, text.len()] {
            let mut events = Events::default();
            let mut read = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                events.take(piece);
                read.extend(std::iter::from_fn(|| events.next()));
            }
            assert_eq!(read, [event("delivery", "{\"a\":\n1}"), event("many", "{}")]);
        }
    }
}
