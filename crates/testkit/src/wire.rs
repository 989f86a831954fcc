//! Just enough HTTP/1.1 for a receiver: reading requests and writing answers.

use std::time::{Instant, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Received;

/// Reads the next request, or `None` when the client closed the connection or sent something else.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> Option<Received> {
    let end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end,
            None => more(stream, buffer).await?,
        }
    };
    let head = buffer.split_to(end);
    buffer.advance(4);
    let (method, path, headers) = parse_head(&head)?;
    let body = match headers.get(header::CONTENT_LENGTH) {
        Some(length) => exactly(stream, buffer, length.to_str().ok()?.parse().ok()?).await?,
        None if headers.contains_key(header::TRANSFER_ENCODING) => chunked(stream, buffer).await?,
        None => Bytes::new(),
    };
    Some(Received { method, path, headers, body, at: SystemTime::now(), instant: Instant::now() })
}

fn parse_head(head: &[u8]) -> Option<(String, String, HeaderMap)> {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some((method, path, headers))
}

async fn chunked<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> Option<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let line = loop {
            match buffer.windows(2).position(|window| window == b"\r\n") {
                Some(end) => break buffer.split_to(end),
                None => more(stream, buffer).await?,
            }
        };
        buffer.advance(2);
        let length = usize::from_str_radix(std::str::from_utf8(&line).ok()?.split(';').next()?.trim(), 16).ok()?;
        body.extend_from_slice(&exactly(stream, buffer, length).await?);
        exactly(stream, buffer, 2).await?;
        if length == 0 {
            return Some(body.freeze());
        }
    }
}

async fn exactly<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut, length: usize) -> Option<Bytes> {
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    Some(buffer.split_to(length).freeze())
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> Option<()> {
    buffer.reserve(4096);
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}
