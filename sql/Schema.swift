// Lists what sql/ holds, in the order in which it is applied: migrations once, by version; functions
// and views whole at each deploy. The files are embedded in the program; one that is missing does
// not compile, and a test finds one that is not listed.

/// The SQL of schema `ls`.
public enum LedgerSchema {
    public struct File: Sendable {
        public let name: String
        public let bytes: [UInt8]
    }

    /// A migration's version is its place, from 1.
    public static let migrations: [File] = [
        File(name: "v0001_create_ledger", bytes: PackageResources.v0001_create_ledger_sql),
        File(name: "v0002_create_roles", bytes: PackageResources.v0002_create_roles_sql),
        File(name: "v0003_add_sweep", bytes: PackageResources.v0003_add_sweep_sql),
    ]

    /// All the old ones away, then functions, then views (after the views they read), then who may
    /// use them.
    public static let functionsAndViews: [File] = [
        File(
            name: "drop_functions_and_views",
            bytes: PackageResources.drop_functions_and_views_sql),

        File(name: "add_version", bytes: PackageResources.add_version_sql),
        File(name: "authenticate_worker", bytes: PackageResources.authenticate_worker_sql),
        File(name: "base_model_id", bytes: PackageResources.base_model_id_sql),
        File(name: "begin_feature_set", bytes: PackageResources.begin_feature_set_sql),
        File(name: "cancel_task", bytes: PackageResources.cancel_task_sql),
        File(name: "check_feature_sets", bytes: PackageResources.check_feature_sets_sql),
        File(name: "check_worker", bytes: PackageResources.check_worker_sql),
        File(name: "complete_evaluation", bytes: PackageResources.complete_evaluation_sql),
        File(name: "complete_training", bytes: PackageResources.complete_training_sql),
        File(name: "consider_promotion", bytes: PackageResources.consider_promotion_sql),
        File(name: "create_join_token", bytes: PackageResources.create_join_token_sql),
        File(name: "current_feature_sets", bytes: PackageResources.current_feature_sets_sql),
        File(
            name: "default_evaluation_configuration",
            bytes: PackageResources.default_evaluation_configuration_sql),
        File(
            name: "default_ranker_configuration",
            bytes: PackageResources.default_ranker_configuration_sql),
        File(name: "default_ranker_name", bytes: PackageResources.default_ranker_name_sql),
        File(
            name: "default_training_configuration",
            bytes: PackageResources.default_training_configuration_sql),
        File(name: "domain_id", bytes: PackageResources.domain_id_sql),
        File(name: "domain_is_within", bytes: PackageResources.domain_is_within_sql),
        File(name: "domain_matches", bytes: PackageResources.domain_matches_sql),
        File(name: "drop_feature_set", bytes: PackageResources.drop_feature_set_sql),
        File(name: "end_attempt", bytes: PackageResources.end_attempt_sql),
        File(name: "end_sweeps", bytes: PackageResources.end_sweeps_sql),
        File(name: "evaluate_new_version", bytes: PackageResources.evaluate_new_version_sql),
        File(name: "expire_leases", bytes: PackageResources.expire_leases_sql),
        File(name: "fail_attempt", bytes: PackageResources.fail_attempt_sql),
        File(name: "feature_matrix", bytes: PackageResources.feature_matrix_sql),
        File(name: "feature_notes", bytes: PackageResources.feature_notes_sql),
        File(name: "feature_offsets", bytes: PackageResources.feature_offsets_sql),
        File(name: "feature_tensor", bytes: PackageResources.feature_tensor_sql),
        File(name: "finish_feature_set", bytes: PackageResources.finish_feature_set_sql),
        File(name: "guard_attempt_end", bytes: PackageResources.guard_attempt_end_sql),
        File(name: "guard_immutable", bytes: PackageResources.guard_immutable_sql),
        File(name: "guard_task_state", bytes: PackageResources.guard_task_state_sql),
        File(name: "import_feature_file", bytes: PackageResources.import_feature_file_sql),
        File(name: "insert_evaluation", bytes: PackageResources.insert_evaluation_sql),
        File(name: "insert_task", bytes: PackageResources.insert_task_sql),
        File(name: "insert_version", bytes: PackageResources.insert_version_sql),
        File(name: "is_list_of_counts", bytes: PackageResources.is_list_of_counts_sql),
        File(name: "is_withheld", bytes: PackageResources.is_withheld_sql),
        File(name: "lease_tasks", bytes: PackageResources.lease_tasks_sql),
        File(name: "little_endian", bytes: PackageResources.little_endian_sql),
        File(name: "lock_attempt", bytes: PackageResources.lock_attempt_sql),
        File(name: "paper_grid", bytes: PackageResources.paper_grid_sql),
        File(name: "pooled_accuracy", bytes: PackageResources.pooled_accuracy_sql),
        File(name: "promote", bytes: PackageResources.promote_sql),
        File(name: "ranker_id", bytes: PackageResources.ranker_id_sql),
        File(name: "read_blob", bytes: PackageResources.read_blob_sql),
        File(name: "record_audit", bytes: PackageResources.record_audit_sql),
        File(name: "record_certificate", bytes: PackageResources.record_certificate_sql),
        File(name: "redeem_join_token", bytes: PackageResources.redeem_join_token_sql),
        File(name: "redrive", bytes: PackageResources.redrive_sql),
        File(name: "refuse", bytes: PackageResources.refuse_sql),
        File(name: "refuse_features", bytes: PackageResources.refuse_features_sql),
        File(name: "register_base_model", bytes: PackageResources.register_base_model_sql),
        File(name: "register_domain", bytes: PackageResources.register_domain_sql),
        File(name: "register_ranker", bytes: PackageResources.register_ranker_sql),
        File(name: "release_leases", bytes: PackageResources.release_leases_sql),
        File(name: "renew_leases", bytes: PackageResources.renew_leases_sql),
        File(name: "report_figure", bytes: PackageResources.report_figure_sql),
        File(name: "request_evaluation", bytes: PackageResources.request_evaluation_sql),
        File(name: "request_scaling_curve", bytes: PackageResources.request_scaling_curve_sql),
        File(name: "request_sweep", bytes: PackageResources.request_sweep_sql),
        File(name: "request_training", bytes: PackageResources.request_training_sql),
        File(name: "request_transfer_matrix", bytes: PackageResources.request_transfer_matrix_sql),
        File(name: "resolve", bytes: PackageResources.resolve_sql),
        File(name: "resume_sweep", bytes: PackageResources.resume_sweep_sql),
        File(name: "revoke_worker", bytes: PackageResources.revoke_worker_sql),
        File(name: "rollback", bytes: PackageResources.rollback_sql),
        File(name: "route", bytes: PackageResources.route_sql),
        File(name: "safetensors_header", bytes: PackageResources.safetensors_header_sql),
        File(name: "set_alias", bytes: PackageResources.set_alias_sql),
        File(
            name: "set_certificate_authority",
            bytes: PackageResources.set_certificate_authority_sql),
        File(name: "short_digest", bytes: PackageResources.short_digest_sql),
        File(name: "single_precision", bytes: PackageResources.single_precision_sql),
        File(name: "status_summary", bytes: PackageResources.status_summary_sql),
        File(name: "sweep_configurations", bytes: PackageResources.sweep_configurations_sql),
        File(name: "task_progress", bytes: PackageResources.task_progress_sql),
        File(name: "version_ranker", bytes: PackageResources.version_ranker_sql),
        File(name: "wait_for_tasks", bytes: PackageResources.wait_for_tasks_sql),
        File(name: "worker_connected", bytes: PackageResources.worker_connected_sql),
        File(name: "worker_disconnected", bytes: PackageResources.worker_disconnected_sql),
        File(name: "worker_seen", bytes: PackageResources.worker_seen_sql),

        File(name: "alias_moves", bytes: PackageResources.alias_moves_sql),
        File(name: "attempt_history", bytes: PackageResources.attempt_history_sql),
        File(name: "audit_entry", bytes: PackageResources.audit_entry_sql),
        File(name: "base_model_status", bytes: PackageResources.base_model_status_sql),
        File(name: "dead_letter", bytes: PackageResources.dead_letter_sql),
        File(name: "feature_set_status", bytes: PackageResources.feature_set_status_sql),
        File(name: "promotion_status", bytes: PackageResources.promotion_status_sql),
        File(name: "ranker_status", bytes: PackageResources.ranker_status_sql),
        File(name: "scaling_curve", bytes: PackageResources.scaling_curve_sql),
        File(name: "sweep_result", bytes: PackageResources.sweep_result_sql),
        File(name: "sweep_status", bytes: PackageResources.sweep_status_sql),
        File(name: "task_queue", bytes: PackageResources.task_queue_sql),
        File(name: "transfer_matrix", bytes: PackageResources.transfer_matrix_sql),
        File(name: "version_lineage", bytes: PackageResources.version_lineage_sql),
        File(name: "worker_certificate", bytes: PackageResources.worker_certificate_sql),
        File(name: "worker_status", bytes: PackageResources.worker_status_sql),
        File(name: "math_transfer_matrix", bytes: PackageResources.math_transfer_matrix_sql),

        File(name: "describe_columns", bytes: PackageResources.describe_columns_sql),
        File(name: "grant_privileges", bytes: PackageResources.grant_privileges_sql),
    ]
}
