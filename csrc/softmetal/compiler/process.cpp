// Runs a command with its two outputs in temporary files.
#include "softmetal/compiler/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

extern char** environ;

namespace softmetal {
namespace {

std::string contents(FILE* file) {
  std::string text;
  char part[4096];
  std::rewind(file);
  for (size_t count; (count = std::fread(part, 1, sizeof part, file)) > 0;)
    text.append(part, count);
  std::fclose(file);
  return text;
}

}  // namespace

Outcome run_command(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  FILE* output = std::tmpfile();
  FILE* messages = std::tmpfile();
  if (!output || !messages) return {false, "", "no temporary file can be created"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, fileno(output), 1);
  posix_spawn_file_actions_adddup2(&actions, fileno(messages), 2);
  pid_t child = 0;
  const int failure =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  if (failure == 0) waitpid(child, &status, 0);
  Outcome outcome{failure == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0, contents(output),
                  contents(messages)};
  if (failure != 0)
    outcome.messages = command[0] + ": " + std::strerror(failure) +
                       ". Try: SOFTMETAL_CLANG=<a clang of version 20 or newer>";
  return outcome;
}

}  // namespace softmetal
