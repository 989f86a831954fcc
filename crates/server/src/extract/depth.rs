//! How deeply a document is nested, seen without parsing it.

/// Whether lists and objects stand within one another more than `limit` levels deep.
///
/// Brackets inside strings do not count. On something that is not JSON the answer is of no use, and harmless:
/// the parser refuses it afterwards.
pub(crate) fn is_deeper_than(json: &[u8], limit: usize) -> bool {
    let mut depth = 0usize;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        assert!(!is_deeper_than(b"[[]]", 2));
        assert!(is_deeper_than(b"[[[]]]", 2));
        assert!(!is_deeper_than(br#"{"a":"[[[[","b":["\"[[","\\"]}"#, 2));
        assert!(is_deeper_than(br#"{"a\"":[{}]}"#, 2));
        assert!(!is_deeper_than(b"[][][][]", 1));
        assert!(is_deeper_than(&[b'['; 100_000], 64));
        assert!(!is_deeper_than(br#""unfinished \"#, 1));
    }
}
