/* cmd_experts.h - `weir model info FILE --experts`. */
#ifndef ENG_CMD_EXPERTS_H
#define ENG_CMD_EXPERTS_H

#include "base/buf.h"
#include "engine/model/model.h"

/* The verb's main; argv as in commands.h, "--experts" among it. Returns the exit status. */
int eng_cmd_experts(int argc, char **argv);

/* The heat map and table of m's counters in lines of about `columns` characters. */
void eng_experts_table(struct base_buf *out, const struct eng_model *m, uint32_t columns);

#endif
