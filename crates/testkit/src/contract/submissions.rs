//! `LeadStore`: what it records of leads and submissions, and when it forgets them.

use kernel::{Batch, Timestamp};
use lead::ports::{Arrival, Intake, ResultKind, ResultsQuery};
use lead::{
    BatchCounts, BatchNote, BatchState, BatchView, FieldCode, FieldError, NewLead, ParkCode,
    ReceiptState, RejectedRow, ResultRow, RowOutcome,
};

use super::lead_store::{LeadStorePorts, in_task};
use crate::fixtures::{Bulk, any_bulk, any_id, any_lead, now, parked, twin_of};

impl LeadStorePorts {
    pub(super) async fn view(&self, bulk: &Bulk) -> BatchView {
        self.finder
            .batch(bulk.id)
            .await
            .unwrap()
            .expect("a known submission")
    }

    pub(super) async fn state_of(&self, lead: &NewLead) -> Option<ReceiptState> {
        let receipt = self.finder.receipt(lead.id).await.unwrap();
        receipt.map(|it| it.state)
    }

    pub(super) async fn take_in(&self, leads: Vec<Arrival>, notes: Vec<BatchNote>) {
        self.store.append(&intake(leads, notes)).await.unwrap();
    }

    pub(super) async fn results(&self, bulk: &Bulk, kind: Option<ResultKind>) -> Vec<ResultRow> {
        let query = ResultsQuery {
            batch: bulk.id,
            kind,
            after: None,
            limit: 1_000,
        };
        self.finder.results(&query).await.unwrap()
    }
}

fn intake(leads: Vec<Arrival>, notes: Vec<BatchNote>) -> Intake {
    Intake {
        at: now(),
        leads,
        notes,
    }
}

fn rejected(index: u64, code: FieldCode) -> RejectedRow {
    RejectedRow {
        index,
        errors: vec![FieldError::at("email", code)],
    }
}

/// Leads of a submission in its rows from 0.
pub(super) fn rows(bulk: &Bulk, leads: &[NewLead]) -> Vec<Arrival> {
    (0..)
        .zip(leads)
        .map(|(index, lead)| bulk.arrival(index, lead))
        .collect()
}

pub(super) fn counts(numbers: [u64; 5]) -> BatchCounts {
    let [received, rejected, stored, duplicate, failed] = numbers;
    BatchCounts {
        received,
        rejected,
        stored,
        duplicate,
        failed,
    }
}

/// The sender can look at once.
pub async fn a_note_makes_a_submission_known(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    assert_eq!(ports.finder.batch(bulk.id).await.unwrap(), None);

    ports
        .take_in(Vec::new(), vec![bulk.note(7, 2, false)])
        .await;

    let expected = BatchView {
        id: bulk.id,
        owner: bulk.owner,
        counts: counts([7, 2, 0, 0, 0]),
        complete: false,
        created_at: bulk.accepted_at,
        finished_at: None,
    };
    assert_eq!(ports.view(&bulk).await, expected);
}

/// Redeliveries, and chunks that overtake each other.
pub async fn notes_may_come_twice_and_in_any_order(ports: &LeadStorePorts) {
    let notes = |bulk: &Bulk| {
        let mut notes = vec![
            bulk.note(10, 1, false),
            bulk.note(20, 1, false),
            bulk.note(25, 3, true),
        ];
        notes[0].rejected = vec![rejected(4, FieldCode::EmailInvalid)];
        notes[2].rejected = vec![
            rejected(21, FieldCode::Required),
            rejected(23, FieldCode::EmailTooLong),
        ];
        notes
    };
    let orders: [&[usize]; 5] = [
        &[0, 1, 2],
        &[2, 1, 0],
        &[1, 1, 2, 0, 0],
        &[2, 0, 2, 1],
        &[1, 2, 0, 1],
    ];
    for order in orders {
        let (one_by_one, at_once) = (any_bulk(), any_bulk());
        let mut all = Vec::new();
        for at in order {
            ports
                .take_in(Vec::new(), vec![notes(&one_by_one)[*at].clone()])
                .await;
            all.push(notes(&at_once)[*at].clone());
        }
        ports.take_in(Vec::new(), all).await;

        for bulk in [one_by_one, at_once] {
            let view = ports.view(&bulk).await;
            assert_eq!(
                (view.counts, view.complete),
                (counts([25, 3, 0, 0, 0]), true),
                "{order:?}"
            );
            let rows = ports.results(&bulk, Some(ResultKind::Rejected)).await;
            let indexes: Vec<u64> = rows.iter().map(|it| it.index).collect();
            assert_eq!(indexes, [4, 21, 23], "{order:?}");
        }
    }
}

/// The three states, and the moment of the last.
pub async fn a_submission_is_received_then_processed_then_finished(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let leads = [bulk.lead(), bulk.lead()];

    ports
        .take_in(rows(&bulk, &leads[..1]), vec![bulk.note(1, 0, false)])
        .await;
    let view = ports.view(&bulk).await;
    assert_eq!(
        (view.state(), view.finished_at),
        (BatchState::Receiving, None)
    );

    ports.take_in(Vec::new(), vec![bulk.note(2, 0, true)]).await;
    let view = ports.view(&bulk).await;
    assert_eq!(
        (view.state(), view.finished_at),
        (BatchState::Processing, None)
    );

    let last = Intake {
        at: Timestamp::from_unix_ms(now().unix_ms() + 1_234),
        ..intake(rows(&bulk, &leads), Vec::new())
    };
    ports.store.append(&last).await.unwrap();
    let view = ports.view(&bulk).await;
    assert_eq!(
        (view.state(), view.finished_at),
        (BatchState::Finished, Some(last.at))
    );

    let later = Intake {
        at: Timestamp::from_unix_ms(last.at.unix_ms() + 1),
        ..last.clone()
    };
    ports.store.append(&later).await.unwrap();
    assert_eq!(ports.view(&bulk).await.finished_at, Some(last.at));
}

/// Nothing waits when nothing was accepted.
pub async fn a_submission_of_rejected_rows_is_finished_at_once(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let only = intake(Vec::new(), vec![bulk.note(3, 3, true)]);
    ports.store.append(&only).await.unwrap();

    let view = ports.view(&bulk).await;
    assert_eq!(
        (view.state(), view.finished_at),
        (BatchState::Finished, Some(only.at))
    );
}

/// What was received is what was rejected, stored, a duplicate, failed, or waits.
pub async fn counters_add_up(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    let (twin, other, failing) = (bulk.own(twin_of(&lead)), bulk.lead(), bulk.lead());

    ports
        .take_in(
            rows(&bulk, &[lead, twin, other]),
            vec![bulk.note(7, 1, true)],
        )
        .await;
    ports
        .store
        .park(&Batch::one(bulk.parked(3, &failing)))
        .await
        .unwrap();

    let counts_now = ports.view(&bulk).await.counts;
    assert_eq!(counts_now, counts([7, 1, 2, 1, 1]));
    assert_eq!(counts_now.pending(), 2);
}

/// Whole, in part, in another order, or together with others.
pub async fn a_redelivery_is_counted_once(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    let leads = [lead.clone(), bulk.own(twin_of(&lead)), bulk.lead()];
    let arrivals = rows(&bulk, &leads);
    let note = bulk.note(4, 0, true);

    ports.take_in(arrivals.clone(), vec![note.clone()]).await;
    ports
        .take_in(arrivals.clone(), vec![note.clone(), note.clone()])
        .await;
    ports
        .take_in(arrivals.iter().rev().cloned().collect(), Vec::new())
        .await;
    ports.take_in(arrivals[1..2].to_vec(), vec![note]).await;
    let twice = [
        &arrivals[..],
        &[bulk.arrival(3, &bulk.lead())],
        &arrivals[..],
    ]
    .concat();
    ports.take_in(twice, Vec::new()).await;

    assert_eq!(ports.view(&bulk).await.counts, counts([4, 0, 3, 1, 0]));
}

/// Two workers that store the same message at the same time.
pub async fn a_redelivery_beside_the_first_delivery_is_counted_once(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let leads: Vec<NewLead> = (0..100).map(|_| bulk.lead()).collect();
    let intake = intake(rows(&bulk, &leads), vec![bulk.note(100, 0, true)]);

    tokio::join!(
        in_task(ports, intake.clone()),
        in_task(ports, intake.clone())
    );

    assert_eq!(ports.view(&bulk).await.counts, counts([100, 0, 100, 0, 0]));
}

/// Two workers with leads and notes of the same submissions in opposite order.
pub async fn rivals_in_opposite_order_count_every_lead_once(ports: &LeadStorePorts) {
    let bulks: Vec<Bulk> = (0..10).map(|_| any_bulk()).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for bulk in &bulks {
        let lead = bulk.lead();
        let twin = bulk.own(twin_of(&lead));
        ours.extend(rows(bulk, &[lead]));
        theirs.push(bulk.arrival(1, &twin));
    }
    theirs.reverse();
    let notes: Vec<BatchNote> = bulks.iter().map(|it| it.note(2, 0, true)).collect();
    let reversed = notes.iter().rev().cloned().collect();

    tokio::join!(
        in_task(ports, intake(ours, notes)),
        in_task(ports, intake(theirs, reversed)),
    );

    for bulk in bulks {
        let view = ports.view(&bulk).await;
        assert_eq!(view.counts, counts([2, 0, 1, 1, 0]));
        assert_eq!(view.state(), BatchState::Finished);
    }
}

/// Whatever order they were written in.
pub async fn results_are_in_input_order_and_paged_by_index(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let held = bulk.lead();
    let (duplicate, failed) = (bulk.own(twin_of(&held)), bulk.lead());
    let mut note = bulk.note(6, 2, true);
    note.rejected = vec![
        rejected(5, FieldCode::EmailInvalid),
        rejected(1, FieldCode::NotAnObject),
    ];

    ports
        .take_in(Vec::new(), vec![bulk.note(1, 0, false)])
        .await;
    ports
        .store
        .park(&Batch::one(bulk.parked(0, &failed)))
        .await
        .unwrap();
    let arrivals = vec![
        bulk.arrival(4, &bulk.lead()),
        bulk.arrival(2, &held),
        bulk.arrival(3, &duplicate),
    ];
    ports.take_in(arrivals, vec![note.clone()]).await;

    let row = |index, lead, outcome| ResultRow {
        index,
        lead,
        outcome,
    };
    let expected = [
        row(
            0,
            Some(failed.id),
            RowOutcome::Failed(ParkCode::AttemptsSpent),
        ),
        row(
            1,
            None,
            RowOutcome::Rejected(note.rejected[1].errors.clone()),
        ),
        row(3, Some(duplicate.id), RowOutcome::Duplicate { of: held.id }),
        row(
            5,
            None,
            RowOutcome::Rejected(note.rejected[0].errors.clone()),
        ),
    ];
    assert_eq!(ports.results(&bulk, None).await, expected);
    let kinds = [
        ResultKind::Failed,
        ResultKind::Rejected,
        ResultKind::Duplicate,
    ];
    for (kind, places) in kinds.into_iter().zip([&[0][..], &[1, 3], &[2]]) {
        let of_kind: Vec<ResultRow> = places.iter().map(|at| expected[*at].clone()).collect();
        assert_eq!(ports.results(&bulk, Some(kind)).await, of_kind);
    }

    let mut paged = Vec::new();
    let mut query = ResultsQuery {
        batch: bulk.id,
        kind: None,
        after: None,
        limit: 3,
    };
    loop {
        let page = ports.finder.results(&query).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        query.after = Some(last.index);
        paged.extend(page);
    }
    assert_eq!(paged, expected);
}

/// Rejected rows are kept by submission and index.
pub async fn a_rejected_row_told_twice_is_listed_once(ports: &LeadStorePorts) {
    let (bulk, other) = (any_bulk(), any_bulk());
    let told = |bulk: &Bulk| BatchNote {
        rejected: vec![RejectedRow {
            index: 0,
            errors: vec![
                FieldError::at("first/Name~", FieldCode::Required),
                FieldError::of_lead(FieldCode::LeadTooLarge),
            ],
        }],
        ..bulk.note(2, 1, true)
    };
    ports
        .take_in(Vec::new(), vec![told(&bulk), told(&other)])
        .await;
    ports.take_in(Vec::new(), vec![told(&bulk)]).await;

    let rows = ports.results(&bulk, Some(ResultKind::Rejected)).await;
    let errors = told(&bulk).rejected.remove(0).errors;
    let expected = ResultRow {
        index: 0,
        lead: None,
        outcome: RowOutcome::Rejected(errors),
    };
    assert_eq!(rows, [expected]);
}

/// Sent alone or in bulk.
pub async fn receipts_tell_what_became_of_a_lead(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let (alone, in_bulk) = (any_lead(), bulk.lead());
    let (twin, failed, unknown) = (twin_of(&alone), any_lead(), any_lead());
    let tried_twice = Arrival {
        attempts: 2,
        ..bulk.arrival(0, &in_bulk)
    };
    let mut arrivals = vec![tried_twice];
    arrivals.extend(crate::fixtures::intake_of(&[alone.clone(), twin.clone()]).leads);
    let intake = intake(arrivals, vec![bulk.note(1, 0, true)]);
    ports.store.append(&intake).await.unwrap();
    let dead = parked(&failed);
    ports.store.park(&Batch::one(dead.clone())).await.unwrap();

    let duplicate = ReceiptState::Duplicate { of: alone.id };
    let told = [
        (&in_bulk, ReceiptState::Stored, 2, intake.at),
        (&alone, ReceiptState::Stored, 1, intake.at),
        (&twin, duplicate, 1, intake.at),
        (&failed, ReceiptState::Failed, dead.attempts, dead.at),
    ];
    for (lead, state, attempts, updated_at) in told {
        let receipt = ports.finder.receipt(lead.id).await.unwrap().unwrap();
        let (id, owner) = (lead.id, lead.submitted_by);
        let expected = lead::Receipt {
            lead: id,
            owner,
            state,
            attempts,
            updated_at,
        };
        assert_eq!(receipt, expected);
    }
    assert_eq!(ports.state_of(&unknown).await, None);
}

/// A redelivery reaches no new state.
pub async fn a_receipt_keeps_the_moment_of_the_decision(ports: &LeadStorePorts) {
    let lead = any_lead();
    let leads = [lead.clone(), twin_of(&lead)];
    let first = crate::fixtures::intake_of(&leads);
    ports.store.append(&first).await.unwrap();

    let mut again = first.clone();
    again.at = Timestamp::from_unix_ms(first.at.unix_ms() + 5_000);
    again.leads.iter_mut().for_each(|it| it.attempts = 3);
    ports.store.append(&again).await.unwrap();

    for lead in leads {
        let receipt = ports.finder.receipt(lead.id).await.unwrap().unwrap();
        assert_eq!((receipt.updated_at, receipt.attempts), (first.at, 1));
    }
}

/// Submissions and outcomes go by their last touch; leads, parked messages and what waits stay.
pub async fn the_old_is_forgotten_and_what_waits_is_kept(ports: &LeadStorePorts) {
    let long_ago = Timestamp::from_unix_ms(1_000_000_000_000 + u64::from(any_id().as_fields().0));
    let just_before = Timestamp::from_unix_ms(long_ago.unix_ms() - 1);
    let just_after = Timestamp::from_unix_ms(long_ago.unix_ms() + 1);
    let (old, waits, young) = (any_bulk(), any_bulk(), any_bulk());
    let held = old.lead();
    let leads = [held.clone(), old.own(twin_of(&held))];
    let (alone, waiting, recent, dead) = (any_lead(), waits.lead(), young.lead(), any_lead());

    let mut note = old.note(3, 1, true);
    note.rejected = vec![rejected(2, FieldCode::Required)];
    let mut arrivals = rows(&old, &leads);
    arrivals.extend(rows(&waits, std::slice::from_ref(&waiting)));
    arrivals.extend(crate::fixtures::intake_of(&[alone.clone(), twin_of(&alone)]).leads);
    let twin = arrivals[4].lead.clone();
    let notes = vec![note, waits.note(2, 0, true), young.note(1, 0, true)];
    let before = Intake {
        at: long_ago,
        leads: arrivals,
        notes,
    };
    ports.store.append(&before).await.unwrap();
    let mut parked = parked(&dead);
    parked.at = long_ago;
    ports.store.park(&Batch::one(parked.clone())).await.unwrap();
    ports
        .take_in(rows(&young, std::slice::from_ref(&recent)), Vec::new())
        .await;

    while ports.store.forget(just_before).await.unwrap() > 0 {}
    assert_eq!(ports.view(&old).await.counts, counts([3, 1, 1, 1, 0]));

    let mut gone = 0;
    loop {
        match ports.store.forget(just_after).await.unwrap() {
            0 => break,
            more => gone += more,
        }
    }
    assert!(gone >= 3, "{gone} went");
    assert_eq!(ports.finder.batch(old.id).await.unwrap(), None);
    assert_eq!(ports.results(&old, None).await, []);
    assert_eq!(ports.state_of(&twin).await, None);
    assert_eq!(ports.view(&waits).await.counts, counts([2, 0, 1, 0, 0]));
    assert_eq!(ports.view(&young).await.counts, counts([1, 0, 1, 0, 0]));
    assert_eq!(ports.state_of(&recent).await, Some(ReceiptState::Stored));
    let shown = ports.dead_letters.show(parked.id).await.unwrap();
    assert_eq!(shown.map(|it| it.id), Some(parked.id));
    for lead in [&held, &alone, &waiting, &recent] {
        assert_eq!(ports.find(lead).await.unwrap().id, lead.id);
    }
}
