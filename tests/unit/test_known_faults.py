"""Faults that users of drivers of this kind have met, and the tests that keep them away; each has to be there.

Those of custom endpoints come with their support.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

SQL_OF_ITS_OWN = {
    "a query of the driver's opens a transaction": [
        "cluster/test_own_sql.py::test_no_occasion_opens_a_transaction",
        "cluster/test_plain_databases.py::test_no_transaction_is_opened",
        "cluster/test_plain_databases.py::test_no_transaction_is_opened_on_a_cluster",
        "cluster/test_plain_databases.py::test_a_connection_that_failed_over_is_in_no_transaction",
        "cluster/test_internal_pools.py::test_each_program_finds_a_connection_as_new",
    ],
    "a query of the driver's ends the program's transaction": [
        "cluster/test_own_sql.py::test_a_transaction_goes_on_while_the_driver_asks",
        "cluster/test_session_state.py::test_nothing_is_set_inside_a_transaction_or_pipeline",
    ],
    "a background connection holds a transaction open": [
        "cluster/test_own_sql.py::test_the_drivers_own_connections_are_in_no_transaction",
    ],
    "a search_path hijacks an unqualified name": [
        "unit/test_own_sql.py::test_functions_operators_and_tables_are_qualified",
        "cluster/test_monitor_credentials.py::test_a_search_path_cannot_mislead_the_driver",
        "cluster/test_multi_az.py::test_a_search_path_cannot_mislead_the_driver",
    ],
    "a query of the driver's waits without end": [
        "unit/test_own_queries.py::test_a_server_that_falls_silent_anywhere_in_its_answer_is_given_up",
        "unit/test_own_queries_at_connect.py::test_connecting_ends_in_time",
    ],
}

ROUTING_AND_STATE = {
    "the idle side survives a failover": [
        "unit/test_read_write_splitting_plugin.py::test_a_failover_ends_the_side_that_is_not_in_use",
        "unit/test_read_write_splitting_plugin.py::test_the_side_that_is_not_in_use_ends_when_another_writer_takes_over",
        "cluster/test_read_write_splitting.py::test_the_writer_fails_over_while_it_idles",
        "cluster/test_read_write_splitting.py::test_the_reader_in_use_becomes_the_writer",
    ],
    "nothing serves when the reader is down": [
        "unit/test_read_write_splitting_plugin.py::test_falling_back_to_the_writer_warns_once",
        "cluster/test_read_write_splitting.py::test_a_dead_reader_is_passed_over_and_the_writer_serves_when_none_is_left",
        "cluster/test_read_write_splitting.py::test_the_reader_in_use_dies",
    ],
    "a pool that fills itself has all its connections at one reader": [
        "cluster/test_host_selection.py::test_a_pool_that_fills_itself_has_its_readers_evenly",
        "unit/test_selection.py::test_connections_of_many_callers_are_spread_evenly",
    ],
    "a host that is down is chosen": [
        "unit/test_selection.py::test_which_hosts_come_into_question",
        "unit/test_selection.py::test_an_unavailable_host_is_tried_now_and_then_if_that_is_wished",
        "cluster/test_host_selection.py::test_a_reader_that_comes_back_is_chosen_again",
    ],
    "weights are shared by all connections": [
        "unit/test_selection.py::test_connections_heed_their_own_weights_and_nobody_elses",
        "unit/test_selection.py::test_a_strategy_has_its_own_weights_only",
    ],
    "the text false counts as true": [
        "unit/test_properties.py::test_true_and_false_are_understood_in_all_usual_spellings",
        "unit/test_properties.py::test_the_drivers_autocommit_may_be_given_as_text",
    ],
    "a dash in failover_mode gives another mode": [
        "unit/test_properties.py::test_other_spellings_mean_the_same_parameter"
    ],
    "a negative timeout is accepted": [
        "unit/test_converters.py::test_bounds_are_kept",
        "unit/test_properties.py::test_no_time_may_be_negative",
    ],
    "an unknown parameter is swallowed": [
        "unit/test_properties.py::test_mistakes_are_told_at_once_and_teach",
        "cluster/test_bad_input.py::test_a_mistake_in_the_parameters_is_explained",
    ],
    "a parameter of the monitors' reaches the program's connection": [
        "unit/test_properties.py::test_each_purpose_has_settings_of_its_own",
        "unit/test_properties.py::test_nothing_with_the_prefix_of_a_purpose_reaches_the_database_driver",
        "cluster/test_monitor_credentials.py::test_parameters_of_the_monitors_own_have_their_effect",
    ],
}

MYSQL = {
    "read-only is never sent to the server": [
        "cluster/test_mysql_session_state.py::test_read_only_is_said_to_the_server",
        "cluster/test_mysql_session_state.py::test_moving_back_and_forth_tells_each_side_once_what_it_is_for",
    ],
    "a writer that was demoted is not noticed": [
        "unit/test_mysql_errors.py::test_a_number_tells_more_than_class_and_text",
        "unit/test_mysql_errors.py::test_which_option_forbids_a_statement_is_told_in_any_language",
    ],
    "the package cannot be used without the C extension": [
        "unit/test_catalogue.py::test_the_connector_serves_without_its_c_extension",
    ],
    "a call that is cancelled has the next one get its answer": [
        "cluster/aio/test_mysql_interruption.py::test_no_moment_of_a_cancellation_gives_the_next_call_a_wrong_answer",
    ],
    "the text false counts as true for the database driver": [
        "unit/test_properties.py::test_what_the_driver_takes_in_a_type_of_its_own_may_be_given_as_text",
    ],
    "a call ends because of a limit that was another call's": [
        "unit/test_alarms.py::test_after_its_block_an_alarm_is_without_effect",
        "unit/test_alarms.py::test_a_block_does_not_end_amid_the_ringing",
        "unit/test_call_limit.py::test_calls_that_end_in_time_may_last_longer_together",
    ],
    "an error that is none of PEP 249's escapes": [
        "unit/test_other_drivers.py::test_every_error_of_the_driver_counts_for_a_failover",
    ],
    "functions of PostgreSQL's are called on MySQL": [
        "unit/test_own_sql.py::test_tables_of_mysql_are_qualified_and_functions_built_in",
        "unit/test_dialect.py::test_a_deployment_of_mysql_is_told_by_as_few_queries_as_can_be",
    ],
}

SIGNING_IN = {
    "a pool goes on with a token that has expired": [
        "unit/test_iam_sign_in.py::test_a_token_is_renewed_before_it_expires",
        "cluster/test_iam.py::test_a_token_of_expired_keys_is_replaced",
    ],
    "AWS is called for each connection": [
        "cluster/test_iam.py::test_a_warm_connection_asks_nothing_of_aws",
        "cluster/test_secrets_manager.py::test_a_warm_connection_asks_nothing_of_aws",
    ],
    "AWS is called again and again by a program that is refused": [
        "unit/test_secret_rotation.py::test_a_program_that_is_refused_again_and_again_does_not_ask_aws_each_time",
        "unit/test_iam_sign_in.py::test_however_long_it_takes_to_look_keys_up_there_is_one_more_attempt",
    ],
    "a connection fails while a secret is rotated": [
        "cluster/test_secrets_manager.py::test_a_rotation_is_not_noticed_after_any_of_its_steps",
        "cluster/test_secrets_manager.py::test_a_program_that_connects_all_the_time_lives_through_rotations",
    ],
    "a secret is kept for ever, or lost as soon as AWS is down": [
        "unit/test_secrets_manager_sign_in.py::test_one_that_has_expired_is_used_while_it_is_fetched_anew",
        "unit/test_secrets_manager_sign_in.py::test_one_that_has_expired_serves_while_aws_is_down",
    ],
    "the keys of a secret are fixed": [
        "unit/test_secrets_manager_sign_in.py::test_a_secret_may_call_them_otherwise",
    ],
    "any error has a token tried again": [
        "unit/test_sign_in.py::test_other_errors_do_not_ask_for_other_credentials",
        "unit/test_iam_sign_in.py::test_a_fresh_token_that_is_refused_ends_with_the_servers_own_error",
    ],
    "iam_host is taken as it comes": [
        "unit/test_iam_endpoints.py::test_what_no_token_can_be_signed_for_is_told_before_anything_is_connected",
    ],
    "a token is for the region or port of another host": [
        "unit/test_iam_endpoints.py::test_a_token_names_the_endpoint_as_rds_calls_it_and_its_region",
        "unit/test_iam_sign_in.py::test_a_failover_goes_on_with_a_token_for_the_new_host",
    ],
    "an endpoint of another partition is not understood": [
        "unit/test_iam_endpoints.py::test_a_token_names_the_endpoint_as_rds_calls_it_and_its_region",
        "unit/test_secret_errors.py::test_an_arn_of_any_partition_tells_the_region",
    ],
    "one user has another's token": [
        "unit/test_iam_sign_in.py::test_users_and_profiles_never_have_each_others_tokens",
    ],
    "a secret or token is logged": [
        "unit/test_quiet.py::test_a_new_process_logs_no_secret_at_debug_and_the_programs_own_calls_as_ever",
    ],
    "an event loop waits for AWS": [
        "unit/test_secrets_manager_sign_in.py::test_an_event_loop_goes_on_while_a_secret_is_fetched",
    ],
    "an identity provider's certificate is not checked": [
        "unit/test_visits_to_providers.py::test_a_certificate_of_an_unknown_authority_is_refused",
        "cluster/test_federated_sign_in.py::test_a_provider_for_whom_nobody_vouches_is_told_no_password",
    ],
    "a password, or the word of an identity provider, is logged": [
        "unit/test_adfs.py::test_nothing_secret_is_logged",
        "unit/test_okta.py::test_nothing_secret_is_logged",
        "cluster/test_federated_sign_in.py::test_no_secret_is_logged",
    ],
    "an answer of an identity provider is a riddle": [
        "unit/test_adfs.py::test_what_is_wrong_with_an_account_is_explained",
        "unit/test_okta.py::test_what_is_wrong_with_an_account_is_explained",
    ],
    "attempts to sign in have an account locked": [
        "unit/test_federated_sign_in.py::test_a_wrong_password_is_told_and_not_tried_again_at_once",
        "unit/test_federated_sign_in.py::test_a_wrong_password_is_tried_once_for_however_many_roles_at_once",
    ],
}

ALL = {**SQL_OF_ITS_OWN, **ROUTING_AND_STATE, **MYSQL, **SIGNING_IN}


@pytest.mark.parametrize("fault", ALL)
def test_the_tests_against_a_known_fault_are_there(fault: str) -> None:
    for test in ALL[fault]:
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE), test
