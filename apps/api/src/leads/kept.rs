//! Answers to reads as they are kept: with all of them that a request would have to work out again.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use crate::answer::{self, TAG_BYTES};

/// An answer: its tag, the value of its `Link`, a line end, its body.
pub(crate) struct Kept {
    tag: HeaderValue,
    link: Option<HeaderValue>,
    body: Bytes,
}

impl Kept {
    /// The bytes to keep; no `link` is an empty one.
    pub(crate) fn write(link: &str, body: &[u8]) -> Arc<[u8]> {
        let tag = answer::tag_of(body);
        [tag.as_bytes(), link.as_bytes(), b"\n", body]
            .concat()
            .into()
    }

    /// None where these are not the bytes of an answer.
    pub(crate) fn read(kept: Arc<[u8]>) -> Option<Self> {
        let end = kept.iter().position(|it| *it == b'\n')?;
        let (tag, link) = kept[..end].split_at_checked(TAG_BYTES)?;
        if !answer::is_tag(tag) {
            return None;
        }
        let has_link = !link.is_empty();
        let kept = Bytes::from_owner(kept);
        let value = |part| HeaderValue::from_maybe_shared(part).ok();
        let link = if has_link {
            Some(value(kept.slice(TAG_BYTES..end))?)
        } else {
            None
        };
        Some(Self {
            tag: value(kept.slice(..TAG_BYTES))?,
            link,
            body: kept.slice(end + 1..),
        })
    }

    pub(crate) fn answer(self, request: &HttpRequest) -> HttpResponse {
        let mut response = answer::tagged(request, self.tag, self.body);
        if let Some(link) = self.link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_as_it_was_written() {
        for link in ["", "</api/v1/leads?cursor=abc>; rel=\"next\""] {
            let kept = Kept::read(Kept::write(link, b"{\n}")).unwrap();
            assert_eq!(
                kept.link.as_ref().map_or("", |it| it.to_str().unwrap()),
                link
            );
            assert_eq!(&*kept.body, b"{\n}");
            let tag = answer::tag_of(b"{\n}");
            assert_eq!(kept.tag, tag.as_str());
        }
    }

    #[test]
    fn what_is_no_answer_is_not_read() {
        let tag = answer::tag_of(b"{}");
        let (cut, other) = (&tag[1..], tag.to_uppercase().replace('A', "G"));
        for kept in [
            "",
            "\n{}",
            &tag,
            &format!("{cut}\n{{}}"),
            &format!("{other}Z\n{{}}"),
        ] {
            assert!(Kept::read(kept.as_bytes().into()).is_none(), "{kept}");
        }
    }
}
