/* commands.h - the verbs of `weir model`; eng_model_command (engine.h) picks one.
 *
 * argc and argv are those behind `weir model`: argv[0] is the verb. Data goes to standard output,
 * prose to standard error. Each returns the exit status: 0 done, 1 the thing checked does not hold,
 * 2 bad usage, file or input. They block, run alone in their process and may use all its CPUs.
 */
#ifndef ENG_COMMANDS_H
#define ENG_COMMANDS_H

int eng_cmd_info(int argc, char **argv);
int eng_cmd_diff(int argc, char **argv);
int eng_cmd_logits(int argc, char **argv);
int eng_cmd_bench(int argc, char **argv);
int eng_cmd_tokenize(int argc, char **argv);
int eng_cmd_detokenize(int argc, char **argv);
int eng_cmd_template(int argc, char **argv);
int eng_cmd_run(int argc, char **argv);
int eng_cmd_plan(int argc, char **argv);
int eng_cmd_watermark(int argc, char **argv);

#endif
