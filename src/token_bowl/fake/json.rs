//! Where JSON is wrong, in the words of the decoder that the server is built with.

/// Returns the place, in characters, and the text of the first fault of a body that is not JSON.
pub(super) fn fault_of(text: &str) -> (usize, &'static str) {
    let chars: Vec<char> = text.chars().collect();
    let mut scan = Scan {
        chars: &chars,
        at: 0,
        depth: 0,
    };
    scan.blanks();
    if let Err(fault) = scan.value() {
        return fault;
    }
    scan.blanks();
    (scan.at, "Extra data")
}

type Fault = (usize, &'static str);

struct Scan<'a> {
    chars: &'a [char],
    at: usize,
    depth: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<(), Fault> {
        if self.depth > DEPTH {
            return Err((self.at, EXPECTING_VALUE));
        }
        match self.peek() {
            Some('"') => self.string(),
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            Some('-' | '0'..='9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, scan: fn(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.depth += 1;
        self.at += 1;
        self.blanks();
        scan(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), Fault> {
        if self.take('}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some('"') {
                return Err((self.at, NO_NAME));
            }
            self.string()?;
            self.blanks();
            if !self.take(':') {
                return Err((self.at, "Expecting ':' delimiter"));
            }
            self.blanks();
            self.value()?;
            self.blanks();
            if self.take('}') {
                return Ok(());
            }
            if !self.take(',') {
                return Err((self.at, NO_COMMA));
            }
            self.blanks();
        }
    }

    fn array(&mut self) -> Result<(), Fault> {
        if self.take(']') {
            return Ok(());
        }
        loop {
            self.value()?;
            self.blanks();
            if self.take(']') {
                return Ok(());
            }
            if !self.take(',') {
                return Err((self.at, NO_COMMA));
            }
            self.blanks();
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err((begin, "Unterminated string starting at")),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => self.escape(begin)?,
                Some(control) if (control as u32) < 0x20 => {
                    return Err((self.at, "Invalid control character at"));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, begin: usize) -> Result<(), Fault> {
        let place = self.at;
        self.at += 1;
        match self.peek() {
            None => Err((begin, "Unterminated string starting at")),
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {
                self.at += 1;
                Ok(())
            }
            Some('u') => {
                let digits = self.chars.get(self.at + 1..self.at + 5);
                let is_hex =
                    digits.is_some_and(|digits| digits.iter().all(char::is_ascii_hexdigit));
                if !is_hex {
                    return Err((self.at, "Invalid \\uXXXX escape"));
                }
                self.at += 5;
                Ok(())
            }
            Some(_) => Err((place, "Invalid \\escape")),
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        let begin = self.at;
        self.take('-');
        if !self.take('0') && self.digits() == 0 {
            self.at = begin;
            return self.word();
        }
        let whole = self.at;
        if self.take('.') && self.digits() == 0 {
            self.at = whole;
            return Ok(());
        }
        let fraction = self.at;
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if !self.take('-') {
                self.take('+');
            }
            if self.digits() == 0 {
                self.at = fraction;
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - begin
    }

    fn word(&mut self) -> Result<(), Fault> {
        const WORDS: [&str; 6] = ["true", "false", "null", "NaN", "Infinity", "-Infinity"];
        for word in WORDS {
            let end = self.at + word.len();
            let found = self.chars.get(self.at..end);
            if found.is_some_and(|found| found.iter().copied().eq(word.chars())) {
                self.at = end;
                return Ok(());
            }
        }
        Err((self.at, EXPECTING_VALUE))
    }
}

const EXPECTING_VALUE: &str = "Expecting value";
const NO_COMMA: &str = "Expecting ',' delimiter";
const NO_NAME: &str = "Expecting property name enclosed in double quotes";
/// Deeper ones are refused by the decoder before this one.
const DEPTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_place_and_words_of_the_server() {
        for (text, place, words) in [
            ("not json", 0, EXPECTING_VALUE),
            ("", 0, EXPECTING_VALUE),
            ("{", 1, NO_NAME),
            ("{content: 1}", 1, NO_NAME),
            ("{'a': 1}", 1, NO_NAME),
            ("{\"a\" 1}", 5, "Expecting ':' delimiter"),
            ("{\"a\":", 5, EXPECTING_VALUE),
            ("{\"a\": 1", 7, NO_COMMA),
            ("{\"a\": 1,}", 8, NO_NAME),
            ("{\"a\": \"x", 6, "Unterminated string starting at"),
            ("{\"é\": \"\\q\"}", 7, "Invalid \\escape"),
            ("{\"a\": \"\\u12\"}", 8, "Invalid \\uXXXX escape"),
            ("{\"a\": \"\n\"}", 7, "Invalid control character at"),
            ("[1, 2", 5, NO_COMMA),
            ("[1,]", 3, EXPECTING_VALUE),
            ("{} x", 3, "Extra data"),
            ("01", 1, "Extra data"),
            ("-", 0, EXPECTING_VALUE),
            ("1.e5", 1, "Extra data"),
        ] {
            assert_eq!(fault_of(text), (place, words), "{text}");
        }
        fault_of(&"[".repeat(100_000));
    }
}
