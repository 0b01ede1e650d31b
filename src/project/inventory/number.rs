//! Numbers as Python writes them: `12`, `1_000`, `0x1f`, `0o17`, `0b11`, `1.5`, `.5`, `1e3`; but not `012` or `1__0`.

use serde_json::Number;

/// The number at the start of `text`, how it is spelled, and how many bytes it takes; none when it is none.
///
/// A decimal number keeps its spelling (`1.10`), as does one too large for 64 bits, whose value is rounded.
pub(super) fn read(text: &str) -> Option<(Number, String, usize)> {
    let radix = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    // A sign belongs to the number only behind the e of an exponent.
    let exponent = |at: usize| radix == 10 && at > 0 && text.as_bytes()[at - 1].eq_ignore_ascii_case(&b'e');
    let belongs = |at: usize, c: char| c.is_alphanumeric() || c == '_' || c == '.' || ((c == '+' || c == '-') && exponent(at));
    let length = text.char_indices().find(|&(at, c)| !belongs(at, c)).map_or(text.len(), |(at, _)| at);
    let digits = if radix == 10 { &text[..length] } else { &text[2..length] };
    if !underscores_join_digits(digits, radix) {
        return None;
    }
    let plain = digits.replace('_', "");
    if radix != 10 {
        let number = u64::from_str_radix(&plain, radix).ok()?;
        return Some((number.into(), number.to_string(), length));
    }
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let significant = plain.trim_start_matches('0');
        return match (significant, plain.len() - significant.len()) {
            ("", _) => Some((0.into(), "0".to_string(), length)),
            (_, 0) => Some((plain.parse::<u64>().map(Into::into).ok().or_else(|| float(&plain))?, plain, length)),
            _ => None,
        };
    }
    // Rust also reads `inf` and `nan`, which Python does not take for numbers.
    let known = plain.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    Some((known.then(|| float(&plain))??, plain, length))
}

/// The same number below zero.
pub(super) fn negative(number: &Number, spelling: &str) -> Option<(Number, String)> {
    if spelling == "0" {
        return Some((number.clone(), spelling.to_string()));
    }
    let spelling = format!("-{spelling}");
    let whole = number.as_u64().and_then(|whole| 0_i64.checked_sub_unsigned(whole));
    Some((whole.map(Into::into).or_else(|| float(&spelling))?, spelling))
}

fn float(text: &str) -> Option<Number> {
    Number::from_f64(text.parse().ok()?)
}

/// `1_000` and `0x_ff` are numbers; `1__0`, `1_`, `1_.5` are not.
fn underscores_join_digits(digits: &str, radix: u32) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| digits.as_bytes().get(at)).is_some_and(|&byte| char::from(byte).is_digit(radix));
    digits.match_indices('_').all(|(at, _)| (digit(at.checked_sub(1)) || (at == 0 && radix != 10)) && digit(Some(at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_numbers_keep_their_spelling() {
        let spelling = |text| read(text).expect("a number").1;
        assert_eq!(spelling("1.10"), "1.10");
        assert_eq!(spelling("0x1f"), "31");
        assert_eq!(spelling("12345678901234567890123"), "12345678901234567890123");
        assert_eq!(negative(&5.into(), "5"), Some(((-5).into(), "-5".to_string())));
        assert_eq!(negative(&0.into(), "0"), Some((0.into(), "0".to_string())));
    }

    #[test]
    fn what_python_refuses_is_no_number() {
        for text in ["012", "1__0", "1_", "0x", "0b2", "1if", "1.2.3", "1.e", "1e400", "0x1.5", "1é"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("5]").map(|(_, _, length)| length), Some(1));
    }
}
