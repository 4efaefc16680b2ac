//! Messages as the broker carries them.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use lead::Message;

/// Headers of our own. Names that begin with `x-` belong to the broker.
const VERSION: &str = "version";
const ATTEMPT: &str = "attempt";
const LEADS: &str = "leads";
const THREAD_KEY: &str = "thread_key";
/// How often a quorum queue has handed a message out before; absent for never.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// The delivery mode of messages that outlive the broker.
const PERSISTENT: u8 = 2;

/// A message on its way to a queue.
pub(crate) struct Outgoing {
    pub(crate) queue: String,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: BasicProperties,
}

impl Outgoing {
    pub(crate) fn new(queue: String, message: &Message, body: Vec<u8>) -> Self {
        Self {
            queue,
            body,
            properties: properties_of(message),
        }
    }

    /// The same bytes for another queue, without what the broker noted on them.
    pub(crate) fn moved(queue: String, delivery: &Delivery) -> Self {
        let mut headers = FieldTable::default();
        for name in [VERSION, ATTEMPT, LEADS, THREAD_KEY] {
            if let Some(value) = header(&delivery.properties, name) {
                headers.insert(name.into(), value.clone());
            }
        }
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers);
        if let Some(id) = delivery.properties.message_id() {
            properties = properties.with_message_id(id.clone());
        }
        Self {
            queue,
            body: delivery.data.clone(),
            properties,
        }
    }
}

fn properties_of(message: &Message) -> BasicProperties {
    let number = |number: usize| AMQPValue::LongInt(i32::try_from(number).unwrap_or(i32::MAX));
    let mut headers = FieldTable::default();
    headers.insert(VERSION.into(), number(queue_codec::VERSION.into()));
    headers.insert(ATTEMPT.into(), number(message.attempt.into()));
    headers.insert(LEADS.into(), number(message.lead_count()));
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(part) = message.parts.first() {
        let thread_key = part.thread_key.as_str();
        headers.insert(THREAD_KEY.into(), AMQPValue::LongString(thread_key.into()));
        // For logs: a lead is known by its own id.
        let id = part.leads.first().map(|it| it.lead.id.0.to_string());
        properties = properties.with_message_id(id.unwrap_or_else(|| thread_key.into()).into());
    }
    properties.with_headers(headers)
}

/// What is known of a message before its bytes are read. A message that came by other ways may lack
/// any of it.
pub(crate) struct Label {
    pub(crate) attempt: Option<u16>,
    pub(crate) leads: usize,
    pub(crate) redeliveries: u32,
}

impl Label {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let number = |name| header(&delivery.properties, name).and_then(as_number);
        Self {
            attempt: number(ATTEMPT).and_then(|it| u16::try_from(it).ok()),
            leads: number(LEADS)
                .and_then(|it| usize::try_from(it).ok())
                .unwrap_or(1),
            redeliveries: number(DELIVERY_COUNT)
                .map_or(0, |it| u32::try_from(it).unwrap_or(u32::MAX)),
        }
    }
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn as_number(value: &AMQPValue) -> Option<i64> {
    Some(match *value {
        AMQPValue::ShortShortInt(it) => it.into(),
        AMQPValue::ShortShortUInt(it) => it.into(),
        AMQPValue::ShortInt(it) => it.into(),
        AMQPValue::ShortUInt(it) => it.into(),
        AMQPValue::LongInt(it) => it.into(),
        AMQPValue::LongUInt(it) => it.into(),
        AMQPValue::LongLongInt(it) => it,
        _ => return None,
    })
}
