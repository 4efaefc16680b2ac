use std::collections::HashSet;
use std::fmt::Write as _;

use lead::{FieldCode, ParkCode};
use skynet_api::problem::{ErrorCode, ProblemKind};

/// `docs/errors.md` as the code has it.
fn errors_page() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         Every refusal is `application/problem+json` (RFC 9457) and the envelope at once. Programs\n\
         go by `type` and by the `code` of each item of `errors`; both are stable. Titles, messages\n\
         and details are for people and may change. A test compares this page with the code.\n\n\
         ## Problem types\n\n| `type` | Status | When |\n|---|---|---|\n",
    );
    for it in ProblemKind::ALL {
        let (uri, status) = (it.type_uri(), it.status().as_u16());
        writeln!(page, "| `{uri}` | {status} | {} |", it.meaning().trim()).unwrap();
    }
    page.push_str("\n## Codes of a lead's fields and rows\n\n| `code` | Detail |\n|---|---|\n");
    for it in FieldCode::ALL {
        writeln!(page, "| `{}` | {} |", it.as_str(), it.detail()).unwrap();
    }
    page.push_str("\n## Codes of parameters and other fields\n\n| `code` | Detail |\n|---|---|\n");
    for it in ErrorCode::ALL {
        writeln!(page, "| `{}` | {} |", it.as_str(), it.detail()).unwrap();
    }
    page.push_str("\n## Codes of parked messages\n\n| `code` | Reason |\n|---|---|\n");
    for it in ParkCode::ALL {
        writeln!(page, "| `{}` | {} |", it.as_str(), it.reason()).unwrap();
    }
    page
}

#[test]
fn the_page_of_errors_lists_what_the_code_has() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, errors_page()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert!(
        page == errors_page(),
        "write the page anew: UPDATE_DOCS=1 cargo test -p skynet-api"
    );
}

#[test]
fn types_and_codes_are_each_one_of_a_kind() {
    let types: HashSet<_> = ProblemKind::ALL.iter().map(|it| it.type_uri()).collect();
    assert_eq!(types.len(), ProblemKind::ALL.len());
    let codes: HashSet<_> = ErrorCode::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(codes.len(), ErrorCode::ALL.len());
}
