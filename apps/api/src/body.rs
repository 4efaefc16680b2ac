//! Small JSON bodies: an object of a few fields.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::edge::declared_bytes;
use crate::limits::SMALL_BODY_BYTES_MAX;
use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};
use crate::services::Services;

/// The fields of a body, taken one by one. Every mistake is noted; [`Fields::finish`] tells them.
#[derive(Debug)]
pub(crate) struct Fields {
    members: Vec<(String, Value)>,
    errors: Vec<ErrorItem>,
}

impl Fields {
    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &'static str) -> Option<String> {
        if !self.has(name) {
            self.refuse(name, ErrorCode::Required);
            return None;
        }
        self.text(name)
    }

    /// A text that may be there.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.wrong_type(name),
        }
    }

    /// `true` or `false`, where it is there.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong_type(name),
        }
    }

    /// A list of texts, where it is there.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let Value::Array(items) = self.take(name)? else {
            return self.wrong_type(name);
        };
        let texts: Option<Vec<String>> = items
            .into_iter()
            .map(|it| match it {
                Value::String(text) => Some(text),
                _ => None,
            })
            .collect();
        texts.or_else(|| self.wrong_type(name))
    }

    /// A field of that name was sent, and is not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members
            .iter()
            .any(|(it, value)| it == name && !value.is_null())
    }

    /// Notes a mistake in a field.
    pub(crate) fn refuse(&mut self, name: &str, code: ErrorCode) {
        self.errors.push(ErrorItem::at(format!("/{name}"), code));
    }

    /// Ends the reading; every field that was not taken is one too many.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.members) {
            let name: String = name.chars().take(100).collect();
            let pointer = name.replace('~', "~0").replace('/', "~1");
            self.refuse(&pointer, ErrorCode::UnknownField);
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::InvalidRequest).errors(self.errors))
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.members.iter().position(|(it, _)| it == name)?;
        Some(self.members.remove(at).1)
    }

    fn wrong_type<T>(&mut self, name: &str) -> Option<T> {
        self.refuse(name, ErrorCode::WrongType);
        None
    }
}

impl FromRequest for Fields {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            check_type(request.headers())?;
            let time = request
                .app_data::<web::Data<Services>>()
                .map(|it| it.settings.times.small_body)
                .unwrap_or_default();
            let bytes = tokio::time::timeout(time, read(request.headers(), payload))
                .await
                .map_err(|_| Problem::new(ProblemKind::RequestTimeout).closing())??;
            parse(&bytes)
        })
    }
}

/// JSON in UTF-8, not coded.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let media_type = text(header::CONTENT_TYPE).unwrap_or("");
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(ProblemKind::UnsupportedMediaType)
            .detail("the body is taken as application/json"));
    }
    match text(header::CONTENT_ENCODING) {
        None | Some("identity" | "") => Ok(()),
        Some(_) => Err(Problem::new(ProblemKind::UnsupportedMediaType)
            .detail("this path takes no content coding")),
    }
}

async fn read(headers: &HeaderMap, mut payload: Payload) -> Result<BytesMut, Problem> {
    let limit = SMALL_BODY_BYTES_MAX as u64;
    let too_large = |size| Problem::too_large(limit, size, "bytes");
    if let Some(size) = declared_bytes(headers).filter(|size| *size > limit) {
        return Err(too_large(Some(size)));
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(ProblemKind::BrokenBody).closing())?;
        if bytes.len() + chunk.len() > SMALL_BODY_BYTES_MAX {
            return Err(too_large(None));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
    let raw: &RawValue =
        serde_json::from_slice(bytes).map_err(|_| Problem::new(ProblemKind::MalformedJson))?;
    if !raw.get().starts_with('{') {
        return Err(Problem::new(ProblemKind::InvalidRequest)
            .errors(vec![ErrorItem::at("", ErrorCode::NotAnObject)]));
    }
    let Members(members) = serde_json::from_str(raw.get()).map_err(|_| {
        Problem::new(ProblemKind::MalformedJson).detail("a key is given twice, or a text is broken")
    })?;
    Ok(Fields {
        members,
        errors: Vec::new(),
    })
}

/// The members of an object, each key once.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.iter().any(|(it, _)| *it == name) {
                        return Err(A::Error::custom("a key is given twice"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::*;

    fn kind(text: &[u8]) -> ProblemKind {
        parse(text).unwrap_err().kind()
    }

    #[test]
    fn what_is_no_json_object_with_each_key_once_is_refused() {
        assert_eq!(kind(b"{"), ProblemKind::MalformedJson);
        assert_eq!(kind(b""), ProblemKind::MalformedJson);
        assert_eq!(kind(b"{} {}"), ProblemKind::MalformedJson);
        assert_eq!(kind(b"{\"a\":1,\"a\":2}"), ProblemKind::MalformedJson);
        assert_eq!(kind(b"{\"a\":1,\"\\u0061\":2}"), ProblemKind::MalformedJson);
        assert_eq!(kind(b"{\"a\":\"\\ud800\"}"), ProblemKind::MalformedJson);
        assert_eq!(kind(b"{\"a\":\"\xff\"}"), ProblemKind::MalformedJson);
        assert_eq!(kind(b"[1]"), ProblemKind::InvalidRequest);
        assert_eq!(kind(b"null"), ProblemKind::InvalidRequest);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert_eq!(kind(deep.as_bytes()), ProblemKind::MalformedJson);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let mut fields = parse(b"{\"name\":5,\"roles\":[\"a\",1],\"more/x\":null}").unwrap();
        assert_eq!(fields.required_text("name"), None);
        assert_eq!(fields.texts("roles"), None);
        assert_eq!(fields.required_text("email"), None);
        let problem = fields.finish().unwrap_err();
        let thread = kernel::ThreadKey::parse("1753548641-123456-abc123def4").unwrap();
        let body: Value = serde_json::from_slice(&problem.body("/x", &thread)).unwrap();
        let told: Vec<(&str, &str)> = body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (
                    it["pointer"].as_str().unwrap(),
                    it["code"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/name", "wrong_type"),
                ("/roles", "wrong_type"),
                ("/email", "required"),
                ("/more~1x", "unknown_field"),
            ]
        );
    }
}
