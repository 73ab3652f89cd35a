//! What every [`Store`] must do, run on each of them; and what is each one's own.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only the test functions themselves for tests"
)]

#[path = "../support/postgres.rs"]
mod server;

mod clients;
mod codes;
mod copy;
mod devices;
mod durability;
mod events;
mod fixture;
mod grants;
mod keys;
mod logouts;
mod model;
mod notices;
mod pools;
mod purge;
mod pushes;
mod rotation;
mod sessions;

/// Each test of the suite on each backend. A function that is missing here is reported as unused.
macro_rules! conformance {
    ($($room:ident: $($test:ident)*;)*) => {
        conformance!(@backend sqlite $($room: $($test)*;)*);
        conformance!(@backend postgres $($room: $($test)*;)*);
    };
    (@backend $backend:ident $($room:ident: $($test:ident)*;)*) => {
        mod $backend {
            $(mod $room {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    let (store, _files) = crate::fixture::$backend().await;
                    crate::$room::$test(store).await;
                })*
            })*
        }
    };
}

conformance! {
    clients:
        a_client_that_was_never_used_is_not_known
        a_client_is_stored_and_overwritten
        a_removed_client_stays_removed
        removing_a_client_ends_its_grants
        a_client_may_be_removed_that_was_never_stored
        clients_are_listed_oldest_first_without_removed_ones
        clients_that_nobody_has_used_are_bounded_in_number;
    codes:
        a_code_reads_as_it_was_saved
        a_code_is_stored_only_while_the_session_that_it_comes_from_lives
        a_redeemed_code_gives_its_grant_and_tokens
        redeeming_keeps_what_was_stored_of_the_client
        an_unknown_or_expired_code_gives_nothing
        a_replayed_code_ends_what_it_gave
        a_code_that_was_redeemed_is_recognised_after_it_has_expired
        a_code_of_a_grant_that_has_ended_is_a_replay_that_ends_nothing
        a_code_of_a_removed_client_gives_nothing
        of_many_who_redeem_one_code_one_wins_and_then_all_lose;
    devices:
        a_device_reads_as_it_was_saved_and_then_as_it_was_answered
        where_a_device_asked_from_is_kept_until_it_is_answered
        a_user_code_names_one_device
        no_more_devices_wait_than_may
        a_device_is_answered_once_and_in_time
        a_device_is_answered_only_while_the_session_lives
        nothing_is_redeemed_before_it_is_allowed_or_after_its_end
        a_device_code_shown_twice_ends_what_it_gave
        of_many_who_answer_one_device_one_is_heard
        of_many_who_redeem_one_device_code_one_wins_and_then_all_lose
        a_changed_account_has_allowed_no_device
        a_device_code_of_a_removed_client_gives_nothing
        a_device_is_kept_a_while_beyond_its_end
        a_grant_without_a_code_hangs_on_its_session_where_it_has_one;
    rotation:
        the_first_pair_needs_no_confirmation
        a_narrowed_access_token_keeps_its_own_scopes
        each_token_of_a_pair_keeps_the_key_that_it_is_bound_to
        a_refresh_token_gives_a_new_pair_and_the_old_access_token_dies
        a_lost_answer_may_be_asked_for_again
        a_lost_answer_may_be_asked_for_until_the_window_closes
        the_window_is_counted_from_the_first_exchange
        a_confirmed_pair_closes_the_window
        exchanging_a_token_confirms_its_pair
        a_grandparent_is_always_reuse
        the_refresh_token_of_a_replaced_pair_is_reuse
        the_access_token_of_a_replaced_pair_is_unknown
        a_replaced_pair_cannot_be_confirmed
        confirming_twice_is_no_harm
        an_expired_refresh_token_is_unknown
        a_refresh_token_of_an_ended_grant_is_unknown
        a_pair_without_a_refresh_token_leaves_no_way_back
        of_many_who_rotate_one_token_one_pair_is_left
        confirming_and_rotating_at_once_leave_one_pair_or_none;
    grants:
        an_ended_grant_opens_nothing_and_is_ended_once
        only_grants_with_an_xmpp_scope_are_told_to_the_server
        pending_ends_wait_per_host_in_order_until_finished
        grants_are_listed_newest_first_by_account_and_client
        a_changed_account_loses_all_but_its_new_generation
        a_deleted_account_loses_everything
        an_account_of_a_changed_generation_loses_its_codes_too
        what_is_taken_back_does_not_come_back_with_a_code_under_way
        an_account_can_lose_its_grants_and_codes_alone
        a_use_is_recorded_and_never_an_earlier_one
        tokens_that_are_handed_out_are_a_use_from_there
        where_things_came_from_can_be_forgotten
        holders_are_listed_by_host_page_by_page;
    sessions:
        a_session_reads_as_it_was_saved
        an_ended_session_is_gone
        sessions_are_listed_by_account_newest_first
        all_sessions_of_an_account_end_but_one;
    events:
        what_happens_again_on_a_day_is_counted
        an_account_keeps_its_last_events_and_no_more
        a_wrong_password_for_an_account_that_nobody_uses_leaves_nothing
        what_has_ended_keeps_no_wrong_password_for_the_names_next_owner
        nothing_is_left_of_an_account_that_is_deleted
        old_events_are_purged_step_by_step;
    keys:
        a_new_signing_key_retires_those_of_its_algorithm
        a_secret_is_made_once
        a_store_that_works_says_so;
    model:
        whatever_is_done_at_once_comes_to_what_it_does_in_some_order;
    notices:
        an_account_is_sent_so_many_notices_of_a_kind_on_a_day
        an_account_that_nothing_is_kept_of_is_sent_none
        whoever_wants_no_notices_is_sent_none_until_they_want_them_again
        a_deleted_account_leaves_no_wish_to_the_next_of_its_name;
    pushes:
        a_pushed_request_is_taken_once_by_its_client_and_in_time
        of_many_who_take_one_pushed_request_one_gets_it
        a_client_has_no_more_pushed_requests_open_than_it_may
        pushed_requests_that_nobody_brought_are_purged_in_small_steps;
    logouts:
        a_sign_in_is_known_by_its_grant_while_its_session_lives
        the_end_of_a_session_is_told_to_the_clients_that_it_signed_in_to
        a_code_does_not_outlive_the_session_that_its_client_hears_of
        what_takes_access_back_is_told_to_the_clients_that_had_it
        what_a_client_lets_go_of_itself_is_not_told_to_it
        a_session_of_the_same_account_takes_the_place_of_one_without_an_end
        a_client_that_cannot_be_told_waits_and_holds_up_no_other
        what_was_delivered_of_one_end_delivers_no_later_one
        sign_ins_are_purged_with_the_expiry_of_their_session
        what_is_remembered_of_sessions_and_their_ends_is_bounded;
    purge:
        what_has_expired_is_purged_and_the_rest_stays
        a_grant_without_xmpp_scope_goes_with_its_last_token
        an_ended_grant_goes_when_told_and_its_pending_end_stays
        an_expired_client_goes_when_no_grant_needs_it
        a_tombstone_goes_when_its_registration_would_have_expired
        a_spent_refresh_token_is_kept_for_a_while
        no_more_than_the_limit_goes_at_once;
}
