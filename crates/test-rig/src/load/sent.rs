//! A lead as it is sent, and what has to be read back.

use serde_json::{Value, json};

use super::chance::Chance;

/// What is wrong with a lead that has to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// There is no e-mail.
    NoEmail,
    /// The telephone number has letters.
    BadPhone,
    /// It ends too early.
    NotJson,
}

/// A lead under a tag that no other has.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its first attribute.
    pub tag: String,
    /// As sent.
    pub email: String,
    /// What is wrong with it.
    pub flaw: Flaw,
    phone: Option<String>,
    /// Name, JSON, text and type.
    attributes: Vec<(&'static str, String, String, &'static str)>,
}

impl Sent {
    /// A lead with some attributes of every type.
    pub fn new(tag: String, email: String, flaw: Flaw, chance: &mut Chance) -> Self {
        let number = chance.below(1_000_000);
        let note = format!("größe {number} \u{1f680} \"quoted\" \\ 'x'; --");
        let nested = format!("{{\"b\":[1.0,{number}],  \"a\":\"é\"}}");
        let huge = format!("123456789012345678901234567890{number}");
        let is_vip = chance.one_in(2);
        let mut attributes = vec![("tag", quoted(&tag), tag.clone(), "string")];
        let mut add = |name, json: String, text: String, kind| {
            attributes.push((name, json, text, kind));
        };
        add(
            "Lead Score",
            format!("{number}"),
            format!("{number}"),
            "integer",
        );
        add(
            "ratio",
            format!("{number}.50"),
            format!("{number}.50"),
            "float",
        );
        add(
            "vip",
            format!("{is_vip}"),
            u8::from(is_vip).to_string(),
            "boolean",
        );
        add(
            "since",
            quoted("1990-05-15"),
            "1990-05-15".to_owned(),
            "date",
        );
        add(
            "seen",
            quoted("2026-11-23T18:00:00Z"),
            "2026-11-23T18:00:00Z".to_owned(),
            "datetime",
        );
        add("note", quoted(&note), note, "string");
        add("nested", nested.clone(), nested, "json");
        add("huge", huge.clone(), huge, "string");
        attributes.truncate(1 + chance.below(attributes.len()));
        Self {
            tag,
            email,
            flaw,
            phone: chance.one_in(2).then(|| format!("+1 555 {number:06}")),
            attributes,
        }
    }

    /// Whether it has to be accepted.
    pub fn is_valid(&self) -> bool {
        self.flaw == Flaw::None
    }

    /// What two leads may not share.
    pub fn key(&self) -> String {
        self.email.to_lowercase()
    }

    /// One line of JSON, or of something like it.
    pub fn json(&self) -> String {
        let field = |name: &str, json: &str| format!("{}:{json}", quoted(name));
        let mut fields = vec![
            field("firstName", "\"Ada\""),
            field("last_name", "\"Lovelace\""),
        ];
        if self.flaw != Flaw::NoEmail {
            fields.push(field("email", &quoted(&self.email)));
        }
        let phone = match self.flaw {
            Flaw::BadPhone => Some("call me"),
            _ => self.phone.as_deref(),
        };
        fields.extend(phone.map(|it| field("phone", &quoted(it))));
        let attributes = self.attributes.iter();
        fields.extend(attributes.map(|(name, json, ..)| field(name, json)));
        let end = if self.flaw == Flaw::NotJson { "" } else { "}" };
        format!("{{{}{end}", fields.join(","))
    }

    /// Compares with a lead that was read back.
    pub fn assert_is(&self, lead: &Value) {
        let attribute = |(name, _, text, kind): &(&str, String, String, &str)| json!({"fieldName": name, "fieldValue": text, "fieldType": kind});
        let attributes: Vec<Value> = self.attributes.iter().map(attribute).collect();
        let expected = json!({
            "id": lead["id"], "createdAt": lead["createdAt"], "updatedAt": lead["updatedAt"],
            "firstName": "Ada", "lastName": "Lovelace", "email": self.email, "phone": self.phone,
            "dateOfBirth": null, "status": "active", "dynamicData": attributes,
        });
        assert_eq!(lead, &expected);
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
