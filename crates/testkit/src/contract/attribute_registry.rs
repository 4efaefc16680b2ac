//! `AttributeRegistry`: one id a name, for ever.

use std::collections::HashSet;
use std::sync::Arc;

use eav::{AttributeId, AttributeName, AttributeRegistry, Definition, Sighting, ValueType};
use kernel::Batch;

use crate::fixtures::unique;

suite! {
    ($)
    /// What `AttributeRegistry` promises. Takes a future of an `Arc` of the port.
    attribute_registry_contract, attribute_registry:
    attribute_registry {
        a_name_has_one_id_for_ever,
        names_are_compared_byte_by_byte,
        one_name_twice_in_a_call_has_one_id,
        a_full_batch_is_resolved,
        types_widen_and_never_narrow,
        definitions_align_with_the_ids,
        rivals_in_opposite_order_get_the_same_ids,
    }
}

fn sighting(name: &str, seen: ValueType) -> Sighting {
    Sighting {
        name: AttributeName::parse(name).unwrap(),
        seen,
    }
}

async fn resolve<R: AttributeRegistry>(registry: &Arc<R>, met: &[Sighting]) -> Vec<AttributeId> {
    registry
        .resolve(&Batch::new(met.to_vec()).unwrap())
        .await
        .unwrap()
}

async fn definition<R: AttributeRegistry>(registry: &Arc<R>, id: AttributeId) -> Definition {
    let mut found = registry.definitions(&Batch::one(id)).await.unwrap();
    found.remove(0).expect("a definition")
}

/// Answers align by position, whichever names come along.
pub async fn a_name_has_one_id_for_ever<R: AttributeRegistry>(registry: &Arc<R>) {
    let [one, two, three] =
        [unique(), unique(), unique()].map(|it| sighting(&it, ValueType::String));
    let first = resolve(registry, &[one.clone(), two.clone()]).await;
    assert_ne!(first[0], first[1]);

    let again = resolve(registry, &[three, two, one]).await;
    assert_eq!([again[2], again[1]], [first[0], first[1]]);
    assert!(!first.contains(&again[0]));
}

/// Case, accents, composition and spaces inside count.
pub async fn names_are_compared_byte_by_byte<R: AttributeRegistry>(registry: &Arc<R>) {
    let word = unique();
    let names: Vec<Sighting> = [
        "note",
        "Note",
        "noté",
        "note\u{301}",
        "no te",
        "no  te",
        "🦀",
        "🦐",
        "ss",
        "ß",
    ]
    .map(|it| sighting(&format!("{it}{word}"), ValueType::String))
    .to_vec();
    let ids = resolve(registry, &names).await;

    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), names.len());
    for (id, met) in ids.into_iter().zip(names) {
        assert_eq!(definition(registry, id).await.name, met.name);
    }
}

/// Its types are widened together.
pub async fn one_name_twice_in_a_call_has_one_id<R: AttributeRegistry>(registry: &Arc<R>) {
    let name = unique();
    let met = [
        sighting(&name, ValueType::Integer),
        sighting(&name, ValueType::Float),
    ];
    let ids = resolve(registry, &met).await;

    assert_eq!(ids[0], ids[1]);
    assert_eq!(definition(registry, ids[0]).await.widest, ValueType::Float);
}

/// With the longest names.
pub async fn a_full_batch_is_resolved<R: AttributeRegistry>(registry: &Arc<R>) {
    let names: Vec<Sighting> = (0..Batch::<Sighting>::MAX_LEN)
        .map(|_| {
            let mut name = unique();
            name.extend(std::iter::repeat_n(
                '🦀',
                AttributeName::MAX_CHARS - name.len(),
            ));
            sighting(&name, ValueType::Json)
        })
        .collect();
    let ids = resolve(registry, &names).await;

    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), names.len());
    assert_eq!(resolve(registry, &names).await, ids);
}

/// The definition keeps the widest type seen.
pub async fn types_widen_and_never_narrow<R: AttributeRegistry>(registry: &Arc<R>) {
    for one in ValueType::ALL {
        for other in ValueType::ALL {
            let name = unique();
            for seen in [one, other, one] {
                resolve(registry, &[sighting(&name, seen)]).await;
            }
            let id = resolve(registry, &[sighting(&name, one)]).await[0];
            assert_eq!(definition(registry, id).await.widest, one.widen(other));
        }
    }
}

/// None where an id was never given.
pub async fn definitions_align_with_the_ids<R: AttributeRegistry>(registry: &Arc<R>) {
    let (one, two) = (
        sighting(&unique(), ValueType::Date),
        sighting(&unique(), ValueType::Boolean),
    );
    let ids = resolve(registry, &[one.clone(), two.clone()]).await;
    let asked = Batch::new(vec![ids[1], AttributeId(u32::MAX), ids[0], ids[1]]).unwrap();

    let found = registry.definitions(&asked).await.unwrap();

    let of = |met: &Sighting, id| {
        Some(Definition {
            id,
            name: met.name.clone(),
            widest: met.seen,
        })
    };
    let (one, two) = (of(&one, ids[0]), of(&two, ids[1]));
    assert_eq!(found, [two.clone(), None, one, two]);
}

/// Two workers meet the same new names at once.
pub async fn rivals_in_opposite_order_get_the_same_ids<R: AttributeRegistry>(registry: &Arc<R>) {
    for _ in 0..5 {
        let ours: Vec<Sighting> = (0..100)
            .map(|_| sighting(&unique(), ValueType::Integer))
            .collect();
        let theirs: Vec<Sighting> = ours.iter().rev().cloned().collect();
        let in_task = |met: Vec<Sighting>| {
            let registry = Arc::clone(registry);
            tokio::spawn(async move { resolve(&registry, &met).await })
        };
        let (left, right) = tokio::join!(in_task(ours), in_task(theirs));

        let right: Vec<AttributeId> = right.unwrap().into_iter().rev().collect();
        let left = left.unwrap();
        assert_eq!(left, right);
        assert_eq!(left.iter().collect::<HashSet<_>>().len(), 100);
    }
}
