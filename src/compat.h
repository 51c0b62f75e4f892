/*
 * compat.h
 *		Differences between the supported versions of PostgreSQL, 14 to 18.
 */
#ifndef LC_COMPAT_H
#define LC_COMPAT_H

#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "utils/acl.h"
#include "utils/lsyscache.h" /* in newer versions this has get_database_name() */
#include "utils/regproc.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h" /* was part of postgres.h */
#endif

/* Before a declaration: it does not return. Version 18 has this in place of pg_attribute_noreturn(). */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* All settings, and how many there are. */
#if PG_VERSION_NUM >= 160000
#define lc_all_settings(count) get_guc_variables(count)
#else
#define lc_all_settings(count) (*(count) = GetNumConfigOptions(), get_guc_variables())
#endif

/* The parts of a name such as "schema.function"; error when it has no such form. */
#if PG_VERSION_NUM >= 160000
#define lc_parse_qualified_name(string) stringToQualifiedNameList(string, NULL)
#else
#define lc_parse_qualified_name(string) stringToQualifiedNameList(string)
#endif

/* May "member" do SET ROLE "role"? Membership alone stopped to be enough in version 16. */
#if PG_VERSION_NUM >= 160000
#define lc_can_set_role(member, role) member_can_set_role(member, role)
#else
#define lc_can_set_role(member, role) is_member_of_role(member, role)
#endif

/* EXECUTE on a function, USAGE on a schema, or any other right on an object of class CLASSID. */
#if PG_VERSION_NUM >= 160000
#define lc_function_aclcheck(oid, role) object_aclcheck(ProcedureRelationId, oid, role, ACL_EXECUTE)
#define lc_schema_aclcheck(oid, role) object_aclcheck(NamespaceRelationId, oid, role, ACL_USAGE)
#else
#define lc_function_aclcheck(oid, role) pg_proc_aclcheck(oid, role, ACL_EXECUTE)
#define lc_schema_aclcheck(oid, role) pg_namespace_aclcheck(oid, role, ACL_USAGE)
#endif

/* Reading an interval: its parts, and what fills them. */
#if PG_VERSION_NUM >= 150000
typedef struct pg_itm_in LcIntervalParts;
#define lc_decode_interval(fields, types, count, type, parts) \
	DecodeInterval(fields, types, count, INTERVAL_FULL_RANGE, type, parts)
#define lc_decode_iso8601_interval(string, type, parts) DecodeISO8601Interval(string, type, parts)
#define lc_interval_of_parts(parts, interval) itmin2interval(parts, interval)
#else
#include "utils/timestamp.h"
typedef struct LcIntervalParts
{
	struct pg_tm tm;
	int32 microseconds;
} LcIntervalParts;
#define lc_decode_interval(fields, types, count, type, parts) \
	DecodeInterval(fields, types, count, INTERVAL_FULL_RANGE, type, &(parts)->tm, &(parts)->microseconds)
#define lc_decode_iso8601_interval(string, type, parts) \
	DecodeISO8601Interval(string, type, &(parts)->tm, &(parts)->microseconds)
#define lc_interval_of_parts(parts, interval) tm2interval(&(parts)->tm, (parts)->microseconds, interval)
#endif

/* Is this process a background worker? 17 gave it another name. */
#if PG_VERSION_NUM < 170000
#define AmBackgroundWorkerProcess() IsBackgroundWorker
#endif

/* int64_div_fast_to_numeric() was wrong for multiples of four digits before 14.3. */
#if PG_VERSION_NUM < 150000
#define LC_NUMERIC_MAY_HAVE_DIGITS(digits) ((digits) % 4 != 0)
#else
#define LC_NUMERIC_MAY_HAVE_DIGITS(digits) true
#endif

#endif /* LC_COMPAT_H */
