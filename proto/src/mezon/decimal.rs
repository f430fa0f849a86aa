//! Ids as decimal text, which the older wire has by the dozen in every frame.

/// Reads a decimal number of 64 bits; no text at all is 0.
///
/// No plus sign, no spaces: what is not written as an id is none.
#[inline]
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    nineteen_digits(text).or_else(|| any_digits(text))
}

/// Reads an id as long as all of them are.
#[inline]
fn nineteen_digits(text: &[u8]) -> Option<i64> {
    let (eight, rest) = text.split_first_chunk()?;
    let (next, rest) = rest.split_first_chunk()?;
    let [a, b, c] = *rest else { return None };
    let [a, b, c] = [a, b, c].map(|digit| u64::from(digit.wrapping_sub(b'0')));
    if a > 9 || b > 9 || c > 9 {
        return None;
    }
    let number = eight_digits(*eight)? * 100_000_000 + eight_digits(*next)?;
    i64::try_from(number * 1_000 + a * 100 + b * 10 + c).ok()
}

#[inline(never)]
fn any_digits(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() {
        return text.is_empty().then_some(0);
    }
    let size = magnitude(digits)?;
    if digits.len() == text.len() {
        i64::try_from(size).ok()
    } else {
        0_i64.checked_sub_unsigned(size)
    }
}

fn magnitude(digits: &[u8]) -> Option<u64> {
    // Nineteen digits always fit, more do only if they begin with zeros.
    let extra = digits.len().saturating_sub(19);
    let (zeros, digits) = digits.split_at_checked(extra)?;
    if zeros.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let (eights, rest) = digits.as_chunks::<8>();
    let mut number = 0;
    for eight in eights {
        number = number * 100_000_000 + eight_digits(*eight)?;
    }
    for digit in rest {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}

/// Reads eight digits at once: neighbours are joined to pairs, pairs to fours, fours to the number.
#[inline]
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_le_bytes(text);
    let high = 0xf0 * ONES;
    let zeros = 0x30 * ONES;
    if bytes & high != zeros || bytes.wrapping_add(6 * ONES) & high != zeros {
        return None;
    }
    let digits = bytes & (0x0f * ONES);
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// A number as text.
#[derive(Debug)]
pub(super) struct Decimal {
    text: [u8; LONGEST],
    start: usize,
}

/// The length of `-9223372036854775808`.
const LONGEST: usize = 20;

impl Decimal {
    pub(super) fn new(number: i64) -> Self {
        let mut text = [b'-'; LONGEST];
        let mut start = LONGEST;
        let mut rest = number.unsigned_abs();
        while rest >= 10 {
            let pair = (rest % 100) as u8;
            rest /= 100;
            start -= 2;
            text[start] = b'0' + pair / 10;
            text[start + 1] = b'0' + pair % 10;
        }
        if rest > 0 || start == LONGEST {
            start -= 1;
            text[start] = b'0' + rest as u8;
        }
        start -= usize::from(number < 0);
        Self { text, start }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_std(text: &str) -> Option<i64> {
        match text {
            "" => Some(0),
            _ if text.starts_with('+') => None,
            _ => text.parse().ok(),
        }
    }

    #[test]
    fn limits() {
        let limits = [0, 1, 9, 10, 99, 100, 101, i64::MAX, i64::MIN, i64::MIN + 1];
        for number in limits {
            let text = number.to_string();
            assert_eq!(Decimal::new(number).as_bytes(), text.as_bytes());
            assert_eq!(parse(text.as_bytes()), Some(number));
        }
        let texts = [
            "",
            "-",
            "--1",
            "+1",
            "00000000000000000000000000007",
            "-00000000000000000000000",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "1234567/",
            "1234567:",
            "12345678a",
            "\u{661}",
        ];
        for text in texts {
            assert_eq!(parse(text.as_bytes()), by_std(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers(number: i64, shift in 0_u32..64) {
            let number = number >> shift;
            let text = number.to_string();
            let decimal = Decimal::new(number);
            prop_assert_eq!(decimal.as_bytes(), text.as_bytes());
            prop_assert_eq!(parse(text.as_bytes()), Some(number));
        }

        #[test]
        fn texts(text in "[-+]?[0-9]{0,22}[ /:a-f\u{0}\u{ff}]?[0-9]{0,3}") {
            prop_assert_eq!(parse(text.as_bytes()), by_std(&text));
        }
    }
}
