/* commands.h - every sub-command, one file ops/cmd_NAME.c each. */
#ifndef CW_OPS_COMMANDS_H
#define CW_OPS_COMMANDS_H

#include "ops/command.h"

#define CW_COMMAND(name) extern const struct cw_command cw_cmd_##name;
#include "ops/commands.def"
#undef CW_COMMAND

#endif
