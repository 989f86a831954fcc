//! A receiver for trying things out: prints every request that arrives, and answers 200.
//!
//! `cargo run -p fanfare-examples --example receiver -- 9000`

use std::{
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

/// More than any channel sends.
const LONGEST_BODY: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).as_deref().unwrap_or("9000").parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("Listening on http://127.0.0.1:{port}/ (Ctrl-C ends)");
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(&stream).unwrap_or_else(|error| eprintln!("a connection broke: {error}")));
    }
    Ok(())
}

/// Answers the requests of one connection until it closes.
fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            head.push(line);
        }
        let mut body = vec![0; LONGEST_BODY.min(length)];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let pretty = serde_json::from_str::<serde_json::Value>(&body).map(|value| format!("{value:#}"));
        println!("\n{}\n\n{}", head.join("\n"), pretty.unwrap_or(body));
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
    }
}
