//! Every refusal there is.

use actix_web::http::StatusCode;

/// Declares the problems once: variant, status, stable name, title and message.
macro_rules! problem_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident $status:ident $slug:literal $title:literal $message:literal,)*) => {
        /// Why a request is refused. Names are stable; `docs/errors.md` lists them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The stable `type`, a relative reference.
            pub const fn type_uri(self) -> &'static str {
                match self { $(Self::$variant => concat!("/problems/", $slug),)* }
            }

            /// One line on this kind of problem, the same each time.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The envelope's message.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// When it happens, for the list of errors.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+),)* }
            }
        }
    };
}

problem_kinds! {
    /// The body is not well-formed JSON, or an object names a key twice.
    MalformedJson BAD_REQUEST "malformed-json" "The body is not valid JSON" "Malformed JSON",
    /// A lead, or another thing that was sent, breaks a rule; `errors` says which.
    ValidationError BAD_REQUEST "validation-error" "The lead is not valid" "Validation error",
    /// A field of an account or of an operator's request breaks a rule; `errors` says which.
    InvalidRequest BAD_REQUEST "invalid-request" "The request is not valid" "Validation error",
    /// The query has a parameter that this path does not know.
    UnknownParameter BAD_REQUEST "unknown-parameter" "Unknown query parameter" "Unknown query parameter",
    /// A query parameter has a value that cannot be used, or is given twice.
    InvalidParameter BAD_REQUEST "invalid-parameter" "A query parameter is not valid" "Invalid query parameter",
    /// `Idempotency-Key` is not 1 to 255 visible ASCII characters.
    InvalidIdempotencyKey BAD_REQUEST "invalid-idempotency-key" "The idempotency key is not valid" "Invalid Idempotency-Key",
    /// No row of a bulk submission is valid, or one is not and `on_error` is `abort`; nothing was queued.
    NothingQueued BAD_REQUEST "nothing-queued" "Nothing was queued" "Validation error",
    /// `on_error=abort` reads all rows before it queues one, so it is taken for bodies up to 32 MiB.
    AbortNeedsSmallBody BAD_REQUEST "abort-needs-small-body" "The body is too large for on_error=abort" "abort needs a smaller body",
    /// The body cannot be decoded, or ends before it is complete.
    BrokenBody BAD_REQUEST "broken-body" "The body cannot be read" "The body cannot be read",
    /// The route needs a token and none was sent.
    Unauthenticated UNAUTHORIZED "unauthenticated" "Sign in first" "Authentication required",
    /// The token is malformed, not signed by this system, or not good yet.
    InvalidToken UNAUTHORIZED "invalid-token" "The token is not valid" "Invalid token",
    /// The token has ended.
    ExpiredToken UNAUTHORIZED "expired-token" "The token has expired" "Expired token",
    /// The token was revoked, or its account is disabled.
    RevokedToken UNAUTHORIZED "revoked-token" "The token was revoked" "Revoked token",
    /// Unknown user, wrong password or disabled account: nobody learns which.
    BadCredentials UNAUTHORIZED "bad-credentials" "Name or password is wrong" "Invalid credentials",
    /// The caller is signed in and may not do this.
    Forbidden FORBIDDEN "forbidden" "Not allowed" "Access denied",
    /// There is no such route or record, or none that the caller may see.
    NotFound NOT_FOUND "not-found" "Not found" "Not found",
    /// The path does not take this method; `Allow` lists those it takes.
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "Method not allowed" "Method not allowed",
    /// `Accept` asks for a form the answer cannot have.
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "Not acceptable" "Not acceptable",
    /// The body came too slowly.
    RequestTimeout REQUEST_TIMEOUT "request-timeout" "The request took too long to arrive" "Request timeout",
    /// The e-mail is held by another lead.
    DuplicateLead CONFLICT "duplicate-lead" "A lead with this email exists" "Duplicate lead",
    /// A request with the same `Idempotency-Key` is still running.
    RequestRunning CONFLICT "request-running" "The same request is still running" "Request still running",
    /// An account with this name or e-mail exists.
    AccountExists CONFLICT "account-exists" "The account exists" "Account exists",
    /// The change would leave no active admin.
    LastAdmin CONFLICT "last-admin" "The last active admin stays one" "Last admin",
    /// The body, or a part of it, is larger than allowed; `limit`, `unit` and, where known, `size` say more.
    TooLarge PAYLOAD_TOO_LARGE "too-large" "The body is too large" "Body too large",
    /// The target of the request is over 8 KiB.
    UriTooLong URI_TOO_LONG "uri-too-long" "The URI is too long" "URI too long",
    /// The content type or the content coding is not one this path takes.
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "Unsupported media type" "Unsupported media type",
    /// `Idempotency-Key` was used before with another body.
    KeyReused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The idempotency key was used with another body" "Idempotency-Key reused",
    /// Too many requests of this caller or address; `Retry-After` says when to come back.
    RateLimited TOO_MANY_REQUESTS "rate-limited" "Too many requests" "Too many requests",
    /// Too many sign-ins to this account from this address; `Retry-After` says when to come back.
    SignInThrottled TOO_MANY_REQUESTS "sign-in-throttled" "Too many sign-ins" "Too many sign-ins",
    /// A fault of this system; the log has it under the thread key.
    Internal INTERNAL_SERVER_ERROR "internal-error" "Something went wrong here" "Internal error",
    /// The store is away; sending again later is safe.
    StoreUnavailable SERVICE_UNAVAILABLE "store-unavailable" "The store is unavailable" "Service unavailable",
    /// The queue is away; sending again later is safe.
    QueueUnavailable SERVICE_UNAVAILABLE "queue-unavailable" "The queue is unavailable" "Service unavailable",
    /// The idempotency key cannot be recorded now; sending again later is safe.
    ClaimsUnavailable SERVICE_UNAVAILABLE "claims-unavailable" "The idempotency key cannot be recorded" "Service unavailable",
    /// More work is under way, or waits, than the system takes on; sending again later is safe.
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The system is overloaded" "Service overloaded",
    /// A dependency that is needed does not answer, or the process is about to stop.
    NotReady SERVICE_UNAVAILABLE "not-ready" "Not ready" "Not ready",
}

/// Declares the codes once: the variant, its stable name, and the sentence for people.
macro_rules! error_codes {
    ($($variant:ident $code:literal $detail:literal,)*) => {
        /// What is wrong with a query parameter or a field that is not a lead's. Names are stable;
        /// `docs/errors.md` lists them. [`lead::FieldCode`] has those of leads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $detail] $variant,)*
        }

        impl ErrorCode {
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
        }
    };
}

error_codes! {
    UnknownParameter "unknown_parameter" "This path does not know this parameter.",
    GivenTwice "given_twice" "This is given twice.",
    InvalidValue "invalid_value" "This value cannot be used here.",
    NotANumber "not_a_number" "This is not a whole number in the allowed range.",
    SearchTooShort "search_too_short" "A text to look for has at least 3 characters.",
    SearchTooLong "search_too_long" "A text to look for has at most 100 characters.",
    PageTooFar "page_too_far" "Pages end at 10,000 rows; go on with cursor.",
    CursorInvalid "cursor_invalid" "This is not a cursor that was given out.",
    ParametersExclude "parameters_exclude" "These parameters cannot be used together.",
    BatchSizeInvalid "batch_size_invalid" "A batch size is a whole number from 1.",
    OnErrorInvalid "on_error_invalid" "`on_error` is `continue` or `abort`.",
    AbortNeedsSmallBody "abort_needs_small_body" "abort is taken for bodies up to 32 MiB.",
    LeadsRequired "leads_required" "At least one lead is needed.",
    Required "required" "This field is required.",
    WrongType "wrong_type" "This field has the wrong JSON type.",
    UnknownField "unknown_field" "This field is not known here.",
    NotAnObject "not_an_object" "This is not a JSON object.",
    UsernameInvalid "username_invalid" "A user name has 3 to 64 characters, none of them white space.",
    UsernameTaken "username_taken" "This user name is taken.",
    EmailInvalid "email_invalid" "This is not a valid email address.",
    EmailTaken "email_taken" "This email address is taken.",
    PasswordTooShort "password_too_short" "A password has at least 8 bytes.",
    PasswordTooLong "password_too_long" "A password has at most 71 bytes.",
    PasswordNul "password_nul" "A password has no NUL character.",
    PasswordRefused "password_refused" "This password is publicly known.",
    RolesInvalid "roles_invalid" "Roles are at least one of `ROLE_ADMIN` and `ROLE_USER`.",
    IdInvalid "id_invalid" "This is not an id.",
    TooManyItems "too_many_items" "This list has too many items.",
    NothingToChange "nothing_to_change" "At least one field to change is needed.",
    IdsOrAll "ids_or_all" "Either ids or all is needed, not both.",
}
