// Every name under which something is measured, what it means, and where what is read at a scrape
// comes from.
public import Coordination
import LanguageSystem
public import ProgramSupport

public enum CoordinatorMetrics {
    public static let help: [String: String] = [
        "ls_rerank_requests_total":
            "Reranks answered, by why that ranker served and where it was scored.",
        "ls_rerank_refusals_total": "Requests refused, by error code.",
        "ls_rerank_duration_seconds": "From the whole request to its order.",
        "ls_rerank_stage_duration_seconds":
            """
        Parts of it: finding the route, having the ranker in memory, waiting for a thread or a \
        worker, scoring; before and after it, over HTTPS: reading the body, writing the reply.
        """,
        "ls_requests_in_flight": "Rerank requests under way.",
        "ls_request_bytes_held": "Bytes of bodies under way and of answers not taken.",
        "ls_feature_imports_total":
            "Feature files taken over HTTPS, by whether they were new: stored, duplicate.",
        "ls_feature_import_bytes_total": "Bytes of feature files that came whole.",
        "ls_feature_uploads": "Feature files on their way into the database.",
        "ls_scoring_queue_depth": "Requests that wait for a scoring thread.",
        "ls_ranker_cache_hits_total": "Rankers that were in memory when they were needed.",
        "ls_ranker_cache_misses_total": "Rankers that were not.",
        "ls_ranker_cache_evictions_total": "Rankers that had to make room.",
        "ls_ranker_cache_bytes": "What rankers in memory take.",
        "ls_ranker_cache_bytes_max": "What they may take.",
        "ls_ranker_cache_rankers": "Rankers in memory.",
        "ls_ranker_cache_pinned": "Rankers that stay there.",
        "ls_ranker_load_duration_seconds":
            "Reading a ranker that was not in memory, until it can score.",
        "ls_route_memory_hits_total": "Routes that were known.",
        "ls_route_memory_misses_total": "Routes that were asked for.",
        "ls_route_memory_stale_total": "Outdated routes used because the database was away.",
        "ls_edge_reranks_total": "Reranks asked of workers, by how they ended.",
        "ls_shadow_reranks_total": "Reranks by shadows, by how they ended.",
        "ls_peer_reranks_total":
            """
        Reranks asked of other coordinators for workers that are connected to them, by how \
        they ended.
        """,
        "ls_decisions_kept_total": "Decisions written for lscoord replay.",
        "ls_decisions_dropped_total": "Decisions there was no room or time for.",
        "ls_workers_connected": "Workers with a session here.",
        "ls_leases_held": "Leases they hold.",
        "ls_tasks_leased_total": "Tasks leased by this coordinator, by kind.",
        "ls_lease_expired_total": "Leases that ran out.",
        "ls_evaluation_checks_total":
            "Evaluations that were measured again here, by what was found.",
        "ls_attempts_failed_total": "Attempts that workers said had failed.",
        "ls_alias_moves_total": "Moves of aliases heard of: promotions, rollbacks and others.",
        "ls_tasks": "Tasks by state, of all coordinators, archived ones included.",
        "ls_rankers": "Rankers registered; above 1,000 an estimate.",
        "ls_certificate_expiry_seconds":
            "Until the certificate that this port shows ends; negative when it has.",
        "ls_authority_expiry_seconds":
            """
        Until the authority's certificate ends, and with it every other; negative when it has.
        """,
        "ls_database_up": "Whether the database answered within the last seconds.",
        "ls_build_info": "The version of this program.",
        "process_resident_memory_bytes": "Memory of this process.",
        "process_cpu_seconds_total": "Processor time of this process.",
        "process_start_time_seconds": "When it began, in seconds since 1970.",
        "process_open_fds": "Files and sockets it has open.",
    ]

    /// Has `metrics` read, at each scrape, how things stand then.
    public static func read(
        into metrics: PrometheusMetrics, _ reranker: Reranker, _ hub: DispatchHub,
        _ health: DatabaseHealth, _ admission: Admission
    ) {
        metrics.onScrape { samples in
            let counts = reranker.counts
            samples.counter("ls_route_memory_hits_total", counts.routeHits)
            samples.counter("ls_route_memory_misses_total", counts.routeMisses)
            samples.counter("ls_route_memory_stale_total", counts.routeStale)
            samples.counter("ls_ranker_cache_hits_total", counts.cacheHits)
            samples.counter("ls_ranker_cache_misses_total", counts.cacheMisses)
            samples.counter("ls_ranker_cache_evictions_total", counts.cacheEvictions)
            samples.gauge("ls_ranker_cache_bytes", counts.cacheByteCount)
            samples.gauge("ls_ranker_cache_bytes_max", counts.cacheByteCountMax)
            samples.gauge("ls_ranker_cache_rankers", counts.cachedRankers)
            samples.gauge("ls_ranker_cache_pinned", counts.pinnedRankers)
            samples.gauge("ls_scoring_queue_depth", counts.scoringQueueDepth)
            samples.counter("ls_decisions_kept_total", counts.decisionsKept)
            samples.counter("ls_decisions_dropped_total", counts.decisionsDropped)
            samples.gauge("ls_requests_in_flight", admission.inFlightCount)
            samples.gauge("ls_request_bytes_held", admission.heldByteCount)
            samples.gauge("ls_feature_uploads", admission.uploadCount)
            let dispatch = await hub.counts
            samples.gauge("ls_workers_connected", dispatch.workers)
            samples.gauge("ls_leases_held", dispatch.leases)
            let snapshot = health.snapshot
            samples.gauge("ls_database_up", snapshot.isAnswering ? 1 : 0)
            samples.gauge("ls_rankers", snapshot.rankerCount)
            for state in TaskState.allCases {
                samples.gauge(
                    "ls_tasks", snapshot.taskCounts[state] ?? 0, [("state", state.rawValue)])
            }
            samples.gauge("ls_build_info", 1, [("version", ProductVersion.current)])
            samples.addProcess()
        }
    }
}
