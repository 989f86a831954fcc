//! A mail server for trying things out: prints every mail that arrives, and sends none on.
//!
//! `cargo run -p fanfare-examples --example mailbox -- 2525`

use std::{
    error::Error,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

/// More than any mail of Fanfare's has; what is longer ends the connection.
const LONGEST: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).as_deref().unwrap_or("2525").parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("Taking mail on 127.0.0.1:{port} (Ctrl-C ends)");
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(&stream).unwrap_or_else(|error| eprintln!("a connection broke: {error}")));
    }
    Ok(())
}

/// Answers the commands of one connection until it closes.
fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut to = Vec::new();
    say(stream, "220 mailbox.example")?;
    while let Some(line) = line(&mut reader)? {
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" | "HELO" | "NOOP" => say(stream, "250 Ok")?,
            "MAIL" | "RSET" => {
                to.clear();
                say(stream, "250 Ok")?;
            }
            "RCPT" => {
                to.push(line.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                say(stream, "250 Ok")?;
            }
            "DATA" => {
                say(stream, "354 Go on")?;
                let Some(mail) = mail(&mut reader)? else { return Ok(()) };
                println!("\n---- a mail for {}\n{mail}", to.join(", "));
                say(stream, "250 Taken")?;
            }
            "QUIT" => return say(stream, "221 Bye"),
            _ => say(stream, "502 Not here")?,
        }
    }
    Ok(())
}

/// The headers, and the first part of the body, which is plain text.
fn mail(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    loop {
        let Some(line) = line(reader)? else { return Ok(None) };
        match line.strip_prefix('.') {
            Some("") => break,
            rest => text += rest.unwrap_or(&line),
        }
        text.push('\n');
        if text.len() > LONGEST {
            return Ok(None);
        }
    }
    let shown = text.split_once("Content-Type: text/html").map_or(text.as_str(), |(shown, _)| shown);
    Ok(Some(readable(shown)))
}

/// The same with quoted-printable undone, so that it reads well.
fn readable(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = reader.read_until(b'\n', &mut line)?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

fn say(mut stream: &TcpStream, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes())
}
