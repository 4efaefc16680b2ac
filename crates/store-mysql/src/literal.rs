//! Values as SQL text, for a connection that speaks utf8mb4 and takes backslash escapes, as every
//! session of this crate does.

use sea_orm::entity::prelude::{TimeDate as Date, TimeDateTime as DateTime};

/// Appends a text in quotes.
pub(crate) fn push_text(sql: &mut String, text: &str) {
    sql.push('\'');
    let mut rest = text;
    // Both are ASCII, and no byte of another character looks like ASCII in UTF-8.
    while let Some(at) = rest.find(['\'', '\\']) {
        let (plain, escaped) = rest.split_at(at);
        sql.push_str(plain);
        sql.push('\\');
        sql.push_str(&escaped[..1]);
        rest = &escaped[1..];
    }
    sql.push_str(rest);
    sql.push('\'');
}

/// Appends bytes: in quotes where they are text, else as hexadecimal digits.
pub(crate) fn push_bytes(sql: &mut String, bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        sql.push_str("_binary");
        push_text(sql, text);
    } else {
        push_hex(sql, bytes);
    }
}

/// Appends bytes as hexadecimal digits.
pub(crate) fn push_hex(sql: &mut String, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    sql.push_str("X'");
    for byte in bytes {
        sql.push(char::from(HEX[usize::from(byte >> 4)]));
        sql.push(char::from(HEX[usize::from(byte & 0xf)]));
    }
    sql.push('\'');
}

/// Appends a number.
pub(crate) fn push_number(sql: &mut String, number: u64) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    sql.push_str(str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// Appends a day of the years 0 to 9999.
pub(crate) fn push_day(sql: &mut String, day: Date) {
    sql.push('\'');
    push_plain_day(sql, day);
    sql.push('\'');
}

/// Appends a moment of the years 0 to 9999, with milliseconds.
pub(crate) fn push_moment(sql: &mut String, moment: DateTime) {
    sql.push('\'');
    push_plain_day(sql, moment.date());
    for (before, part) in [
        (' ', moment.hour()),
        (':', moment.minute()),
        (':', moment.second()),
    ] {
        sql.push(before);
        push_padded(sql, u32::from(part), 2);
    }
    sql.push('.');
    push_padded(sql, u32::from(moment.millisecond()), 3);
    sql.push('\'');
}

fn push_plain_day(sql: &mut String, day: Date) {
    push_padded(sql, day.year().unsigned_abs(), 4);
    sql.push('-');
    push_padded(sql, u32::from(u8::from(day.month())), 2);
    sql.push('-');
    push_padded(sql, u32::from(day.day()), 2);
}

fn push_padded(sql: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        sql.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut String)) -> String {
        let mut sql = String::new();
        write(&mut sql);
        sql
    }

    #[test]
    fn quotes_and_backslashes_cannot_end_a_text() {
        let text = written(|sql| push_text(sql, "\\'; DROP 'ä' \\\\"));
        assert_eq!(text, r"'\\\'; DROP \'ä\' \\\\'");
    }

    #[test]
    fn bytes_that_are_no_text_are_digits() {
        assert_eq!(written(|sql| push_bytes(sql, b"a'b")), r"_binary'a\'b'");
        assert_eq!(written(|sql| push_bytes(sql, &[0xff, 0x0a])), "X'ff0a'");
    }

    #[test]
    fn moments_keep_their_milliseconds_and_numbers_all_their_digits() {
        let day = Date::from_ordinal_date(987, 60).unwrap();
        let moment = day.with_hms_milli(3, 4, 5, 6).unwrap();
        assert_eq!(written(|sql| push_day(sql, day)), "'0987-03-01'");
        assert_eq!(
            written(|sql| push_moment(sql, moment)),
            "'0987-03-01 03:04:05.006'"
        );
        for number in [0, 7, 10, u64::MAX] {
            assert_eq!(written(|sql| push_number(sql, number)), number.to_string());
        }
    }
}
