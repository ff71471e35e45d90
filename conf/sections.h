/* sections.h - who reads which section of the configuration and of a policy. Private to conf/.
 *
 * Each reads node n into dst, tells what is wrong through the loader and carries on (fields.h).
 */
#ifndef CONF_SECTIONS_H
#define CONF_SECTIONS_H

#include "conf/fields.h"

/* The sections, in the order of the file. */
void conf_load_server(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_engine(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_backends(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_routing(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_audit(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_witnesses(struct conf_loader *l, const struct conf_node *n, void *dst);
/* load_content.c: audit.master into a struct conf_master, audit.content into a conf_content. */
void conf_load_master(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_content(struct conf_loader *l, const struct conf_node *n, void *dst);
/* url.c: fills tls, host, port, path and url of b from the text of n. */
void conf_load_url(struct conf_loader *l, const struct conf_node *n, void *dst);
/* load_api.c: what a back end's API asks of its other members; n is the mapping b was read from. */
void conf_check_api(struct conf_loader *l, const struct conf_node *n, const struct conf_backend *b);
/* load_aws.c: members of a back end of api bedrock, offsets in struct conf_backend; and what holds
 * between them and the others: n is the mapping that b was read from, read whole. */
#define CONF_AWS_FIELDS 5
extern const struct conf_field conf_aws_fields[CONF_AWS_FIELDS];
void conf_aws_check(struct conf_loader *l, const struct conf_node *n, struct conf_backend *b);
/* load_sinks.c: audit.sinks and audit.disk. */
void conf_load_sinks(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_disk(struct conf_loader *l, const struct conf_node *n, void *dst);
/* 127.0.0.0/8, ::1, localhost. */
bool conf_is_loopback(const char *host);
void conf_load_address(struct conf_loader *l, const struct conf_node *n, void *dst);
/* Makes c->targets of the models that were read. */
void conf_targets_make(struct conf_loader *l, const struct conf_node *root);
/* load_policy.c: a policy file's tree into *p. */
void conf_load_policy(struct conf_loader *l, const struct conf_node *root, struct conf_policy *p);
/* load_residency.c */
#define CONF_RESIDENCY_FIELDS 7
extern const struct conf_field conf_residency_fields[CONF_RESIDENCY_FIELDS];
void conf_residency_init(struct conf_residency *r);
void conf_load_residency(struct conf_loader *l, const struct conf_node *n, void *dst);
/* What holds between the fields; n is the mapping that they were read from. */
void conf_residency_check(struct conf_loader *l, const struct conf_node *n,
                          struct conf_residency *r);
/* YYYY-MM-DD into struct conf_date. */
void conf_load_date(struct conf_loader *l, const struct conf_node *n, void *dst);
/* load_law.c: the dated tables. dst: struct conf_tables, struct conf_duties. */
void conf_load_tables(struct conf_loader *l, const struct conf_node *root, void *dst);
void conf_load_duties(struct conf_loader *l, const struct conf_node *root, void *dst);
/* load_use_case.c: the policy's use_cases; dst is struct conf_policy. */
void conf_load_use_cases(struct conf_loader *l, const struct conf_node *n, void *dst);
/* A class of the AI Act as policies write it: minimal, limited, prohibited, prohibited.5.1.X,
 * annex3.N with a letter perhaps, annex1. */
bool conf_ai_act_known(struct base_str s);
/* The same for a list of them, where annex3 stands for all its points. */
void conf_check_ai_act(struct conf_loader *l, const struct conf_names *names);
/* load_tests.c: the policy's tests and test_backends; dst is struct conf_policy. */
void conf_load_policy_tests(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_test_backends(struct conf_loader *l, const struct conf_node *n, void *dst);
/* policy_sig.c: reads the list policy_keys into the configuration. */
void conf_load_policy_keys(struct conf_loader *l, const struct conf_node *n);
/* Checks PATH.sig over text, at n's place; true if no key is asked for or one of them signed. */
bool conf_policy_signed(struct conf_loader *l, const struct conf_node *n, const char *path,
                        struct base_str text, const char **by);
/* load_handling.c: tools, answers, obligations and retention, for rules and use cases alike;
 * offsets are those of struct conf_handling. */
#define CONF_HANDLING_FIELDS 5
extern const struct conf_field conf_handling_fields[CONF_HANDLING_FIELDS];
/* load_bounds.c: `limits`; dst is struct conf_bounds. And `asks` of a test; struct conf_asks. */
void conf_load_bounds(struct conf_loader *l, const struct conf_node *n, void *dst);
void conf_load_asks(struct conf_loader *l, const struct conf_node *n, void *dst);
/* True if h asks for anything. */
bool conf_handling_says(const struct conf_handling *h);
/* The policy's retention_classes; dst is struct conf_policy. */
void conf_load_retentions(struct conf_loader *l, const struct conf_node *n, void *dst);
/* Reads mapping n by two tables: `fields` into dst and conf_handling_fields into *h, a
 * part of *dst. */
bool conf_map_handling(struct conf_loader *l, const struct conf_node *n, const char *what,
                       const struct conf_field *fields, size_t n_fields, void *dst,
                       struct conf_handling *h);
/* A price: { input, output } into two doubles at dst. */
void conf_load_price(struct conf_loader *l, const struct conf_node *n, void *dst);

#endif
