//! What no template may contain, because rendering it could exhaust the stack.

/// The longest text of a wording.
const MAX_SOURCE_BYTES: usize = 16 * 1024;
/// The most blocks and parentheses in a text; they bound how deep it can nest.
const MAX_NESTING: usize = 50;

/// Refuses templates that are too long, nest too deep or could call themselves.
pub(crate) fn check(source: &str) -> Result<(), String> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(format!("the text is {} bytes long; {MAX_SOURCE_BYTES} are allowed", source.len()));
    }
    let mut nesting = 0;
    for (start, _) in source.match_indices("{{") {
        let (before, tag) = (&source[..start], &source[start + 2..]);
        let tag = tag.split("}}").next().unwrap_or(tag);
        let tag = tag.split("{{").next().unwrap_or(tag);
        let body = tag.trim_start_matches(['{', '~', '&', '#', ' ', '\t', '\r', '\n']);
        if body.starts_with(['>', '*']) {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
            return Err(format!("line {line}, column {column}: partials and decorators are not available"));
        }
        let opens = tag.contains('#') || body.starts_with('^') || body.starts_with("else");
        nesting += usize::from(opens) + tag.matches('(').count();
    }
    if nesting > MAX_NESTING {
        return Err(format!("the text has {nesting} blocks and parentheses; {MAX_NESTING} are allowed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_is_refused() {
        let fits = |source: &str| check(source).is_ok();
        assert!(fits("{{#if a}}{{bytes b}}{{else}}(1 > 2) * 3{{/if}} #"));
        for source in ["{{> a}}", "{{>a}}", "{{~> a}}", "{{#> a}}", "{{* a}}", "{{#*inline \"a\"}}", "{{ #* a}}"] {
            assert!(!fits(source), "{source}");
        }
        assert!(!fits(&"x".repeat(20_000)));
        assert!(!fits(&format!("{{{{#if {}a", "(not ".repeat(100))));
        assert!(!fits(&"{{#if a}}".repeat(100)));
        assert!(!fits(&format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if a}}".repeat(100))));
    }
}
