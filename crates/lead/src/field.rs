//! What is wrong with a field.

/// A field that is refused: where, and why; never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) from the lead to the field: `/firstName`; empty for the lead itself.
    pub pointer: String,
    /// Why.
    pub code: FieldCode,
}

impl FieldError {
    /// An error of the field of that name.
    pub fn at(field: &str, code: FieldCode) -> Self {
        let mut pointer = String::with_capacity(field.len() + 1);
        pointer.push('/');
        for it in field.chars().take(eav::AttributeName::MAX_CHARS) {
            match it {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                it => pointer.push(it),
            }
        }
        Self { pointer, code }
    }

    /// An error of the lead as a whole.
    pub fn of_lead(code: FieldCode) -> Self {
        Self {
            pointer: String::new(),
            code,
        }
    }
}

/// Declares the codes once: the variant, its stable name, and the sentence for people.
macro_rules! field_codes {
    ($($variant:ident $code:literal $detail:literal,)*) => {
        /// Why a field or a row is refused. Names are stable; `docs/errors.md` lists them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FieldCode {
            $(#[doc = $detail] $variant,)*
        }

        impl FieldCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What to tell a person; it never repeats the value.
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail,)* }
            }

            /// The code of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

field_codes! {
    Required "required" "This field is required.",
    WrongType "wrong_type" "This field has the wrong JSON type.",
    GivenTwice "given_twice" "This field is given twice, or in two spellings.",
    NotAccepted "not_accepted" "This field is set by the system and is not accepted.",
    NameTooLong "name_too_long" "A name has at most 100 characters.",
    ControlCharacter "control_character" "Control characters are not allowed here.",
    EmailInvalid "email_invalid" "This is not a valid email address.",
    EmailTooLong "email_too_long" "An email address has at most 255 bytes.",
    PhoneInvalid "phone_invalid" "A phone number has digits, spaces and + - ( ) . only.",
    PhoneTooLong "phone_too_long" "A phone number has at most 20 characters.",
    DateInvalid "date_invalid" "A date is a real day, written YYYY-MM-DD.",
    DateOutOfRange "date_out_of_range" "The day of birth lies between 1900-01-01 and today.",
    StatusUnknown "status_unknown" "The status is one of active, inactive, converted, invalid.",
    AttributeNameInvalid "attribute_name_invalid" "An attribute name has 1 to 100 characters, none of them a control character.",
    AttributeNameReserved "attribute_name_reserved" "This attribute name is reserved.",
    TooManyAttributes "too_many_attributes" "A lead has at most 256 attributes.",
    NulCharacter "nul_character" "Text cannot contain a NUL character.",
    NumberOutOfRange "number_out_of_range" "This number is beyond what a 64-bit float can hold.",
    TooDeep "too_deep" "A value is nested at most 16 levels deep.",
    LeadTooLarge "lead_too_large" "A lead has at most 65536 bytes.",
    NotAnObject "not_an_object" "A lead is a JSON object.",
    MalformedJson "malformed_json" "This is not valid JSON.",
    InvalidUtf8 "invalid_utf8" "This is not valid UTF-8.",
    ColumnCount "column_count" "This row has another number of cells than the header.",
    UnterminatedQuote "unterminated_quote" "A quote is never closed; everything after it is one row.",
}
