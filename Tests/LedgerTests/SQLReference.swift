// The page SQL.md, made from the database's own catalog: what can be called, by whom, what it
// returns and refuses; what can be read; what is stored. Nothing in it is written by hand.
import Foundation
import LanguageSystem
import PostgresAccess

struct SQLReference {
    let text: String
    /// The same without a word of explanation: what a program that was written against it relies
    /// on.
    let interface: String

    init(of pool: ConnectionPool) async throws {
        let functions = try await Self.functions(pool)
        let relations = try await Self.relations(pool)
        var lines = Self.introduction
        for (title, role) in Self.chapters {
            let chapter = functions.filter { $0.roles.first == role }
            if chapter.isEmpty { continue }
            lines += ["", "## \(title)"]
            for function in chapter { lines += function.lines }
        }
        lines += ["", "## Inside", "", "Only the functions above call these.", ""]
        lines += ["| function | what it does |", "|---|---|"]
        for function in functions where function.roles.isEmpty {
            lines.append("| `\(function.signature)` | \(function.comment) |")
        }
        for (kind, title) in [("v", "Views"), ("r", "Tables")] {
            lines += ["", "## \(title)", ""]
            lines.append(
                kind == "v"
                    ? "Every role reads them all."
                    : """
                    Private: no role reads or writes one, apart from the import of features by \
                    lscoord.
                    """
            )
            for relation in relations where relation.kind == kind { lines += relation.lines }
        }
        text = lines.joined(separator: "\n") + "\n"
        interface = Self.interface(functions, relations)
    }

    private static func interface(_ functions: [Function], _ relations: [Relation]) -> String {
        var lines = ["SQLSTATE, code, HTTP, gRPC, exit status"]
        lines += ErrorCode.allCases.map {
            "\($0.sqlState), \($0.rawValue), \($0.httpStatus), \($0.grpcStatus), \($0.exitStatus)"
        }
        lines += ["", "Functions that a role may call"]
        lines += functions.filter { !$0.roles.isEmpty }.map { function in
            let states =
                function.states.isEmpty ? "" : "; raises \(function.states.joined(separator: ", "))"
            return "\(function.signature) -> \(function.result ?? "nothing")"
                + "; for \(function.roles.joined(separator: ", "))\(states)"
        }
        for (kind, title) in [("v", "Views"), ("r", "Tables")] {
            lines += ["", title]
            for relation in relations where relation.kind == kind {
                lines += relation.columns.map { "ls.\(relation.name).\($0.name) \($0.type)" }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let introduction: [String] =
        [
            "# SQL reference",
            "",
            "Every function, view and table of schema `ls`.",
            "",
            "## Overview",
            "",
            "`deploy/develop/regenerate` makes this page from the database's catalog, and a test",
            "fails when it is out of date. <doc:Walkthrough> shows how to use the functions, from",
            "an empty database on. A function refuses with one sentence, often a hint, and one of",
            "these SQLSTATEs. REST, gRPC and the command line give the same sentence under the",
            "code's name. \"May raise\" lists the SQLSTATEs of a function and of everything that",
            "it calls.",
            "",
            "| SQLSTATE | code | HTTP | gRPC | exit status |",
            "|---|---|---|---|---|",
        ]
        + ErrorCode.allCases.map {
            """
            | \($0.sqlState) | \($0.rawValue) | \($0.httpStatus) | \($0.grpcStatus) | \
            \($0.exitStatus) |
            """
        }
        + [
            "",
            """
            Roles: `ls_reader` reads the views and asks; `ls_operator` also requests work, \
            promotes, cancels and redrives; `ls_admin` also
            """,
            """
            registers, imports, invites and revokes; `ls_service` is lscoord. Grant them to roles \
            of your own.
            """,
        ]

    /// Each function stands with the least role that may call it.
    private static let chapters = [
        ("For readers", "reader"), ("For operators", "operator"), ("For admins", "admin"),
        ("For lscoord", "service"),
    ]
}

// MARK: Functions

private struct Function {
    let name: String
    let signature: String
    let result: String?
    let comment: String
    /// Least first.
    let roles: [String]
    let states: [String]

    var lines: [String] {
        var lines = ["", "### \(name)", "", "    \(signature)"]
        if let result { lines.append("        -> \(result)") }
        lines += ["", comment, "", "Roles: \(roles.joined(separator: ", ")).", ""]
        lines[lines.count - 2] +=
            states.isEmpty ? " Raises nothing." : " May raise: \(states.joined(separator: ", "))."
        lines.removeLast()
        return lines
    }
}

extension SQLReference {
    /// What a function may raise: the SQLSTATEs in its text, and those of every function it calls.
    /// Texts and comments are left out of the search for calls: a hint may name another function.
    private static func functions(_ pool: ConnectionPool) async throws -> [Function] {
        let rows = try await pool.execute(
            #"""
            with recursive routine as materialized (
                select p.oid, proname, prokind, pg_get_functiondef(p.oid) as source,
                    regexp_replace(pg_get_functiondef(p.oid), '''(?:[^'']|'''')*''|--[^\n]*', '', \#
            'g') as code
                from pg_proc p
                where pronamespace = 'ls'::regnamespace and prorettype <> 'trigger'::regtype),
            calls (caller, called) as materialized (
                select distinct f.oid, g.oid from routine f
                    cross join regexp_matches(f.code, 'ls\.(\w+)\(', 'g') m
                    join routine g on g.proname = m[1]),
            reaches (start, oid) as (
                select oid, oid from routine
                union
                select r.start, c.called from reaches r join calls c on c.caller = r.oid),
            raised (oid, state) as materialized (
                select distinct r.oid, m[1]
                from routine r cross join regexp_matches(r.source, '''(LS\d\d\d)''', 'g') m)
            select r.proname as name,
                'ls.' || r.proname || '(' || pg_get_function_arguments(r.oid) || ')' as signature,
                case when r.prokind = 'f' then pg_get_function_result(r.oid) end as result,
                coalesce(obj_description(r.oid, 'pg_proc'), '') as comment,
                array_to_string(array(
                    select o.role from unnest(array['reader', 'operator', 'admin', 'service'])
                        with ordinality o (role, place)
                    where has_function_privilege('ls_' || o.role, r.oid, 'execute')
                    order by o.place), ',') as roles,
                array_to_string(array(
                    select distinct s.state from reaches x join raised s on s.oid = x.oid
                    where x.start = r.oid order by 1), ',') as states
            from routine r order by r.proname collate "C", 2
            """#)
        return try rows.map { row in
            Function(
                name: try row.decode("name"), signature: try row.decode("signature"),
                result: try row.decode(String?.self, "result"),
                comment: try row.decode("comment"),
                roles: try row.decode(String.self, "roles").split(separator: ",").map(String.init),
                states: try row.decode(String.self, "states").split(separator: ",")
                    .map(String.init))
        }
    }
}

// MARK: Views and tables

private struct Relation {
    let name: String
    /// As in pg_class.relkind; a partitioned table counts as a table.
    let kind: String
    let comment: String
    var columns: [(name: String, type: String, comment: String)] = []

    var lines: [String] {
        ["", "### \(name)", "", comment, "", "| column | type | meaning |", "|---|---|---|"]
            + columns.map { "| \($0.name) | \($0.type) | \($0.comment) |" }
    }
}

extension SQLReference {
    private static func relations(_ pool: ConnectionPool) async throws -> [Relation] {
        let rows = try await pool.execute(
            """
            select c.relname::text as name, case when c.relkind = 'v' then 'v' else 'r' end as kind,
                coalesce(obj_description(c.oid, 'pg_class'), '') as comment,
                a.attname::text as column_name, format_type(a.atttypid, a.atttypmod) as type,
                coalesce(col_description(c.oid, a.attnum), '') as column_comment
            from pg_class c join pg_attribute a on a.attrelid = c.oid
            where c.relnamespace = 'ls'::regnamespace and c.relkind in ('r', 'p', 'v')
                and not c.relispartition and a.attnum > 0 and not a.attisdropped
            order by c.relname collate "C", a.attnum
            """)
        var relations: [Relation] = []
        for row in rows {
            let name = try row.decode(String.self, "name")
            if relations.last?.name != name {
                relations.append(
                    Relation(
                        name: name, kind: try row.decode("kind"),
                        comment: try row.decode("comment")))
            }
            relations[relations.count - 1].columns.append(
                (
                    name: try row.decode("column_name"), type: try row.decode("type"),
                    comment: try row.decode("column_comment")
                ))
        }
        return relations
    }
}
