//! Numbers as digits, without the machinery of formatting: each answer has some.

/// Fills `room` with the last digits of a number to a base of up to 16, as many as there is room
/// for.
pub(crate) fn put_digits<const BASE: u64>(room: &mut [u8], mut number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for digit in room.iter_mut().rev() {
        let [value, ..] = (number % BASE).to_le_bytes();
        *digit = DIGITS[usize::from(value)];
        number /= BASE;
    }
}
