# CMake toolchain: clang of the `ziglang` wheel, found through the Python that runs the build.
#
#   cmake -DCMAKE_TOOLCHAIN_FILE=cmake/zig.cmake -DZIG=<path of the zig executable> …
#
# software Metal needs clang on every machine: metal-cpp uses blocks, which GCC does not know.
if(NOT ZIG)
  set(ZIG "$ENV{ZIG}")
endif()
if(NOT ZIG)
  message(FATAL_ERROR "[build] the zig executable is not known. Try: -DZIG=$(python -c 'import ziglang, os; print(os.path.join(os.path.dirname(ziglang.__file__), \"zig\"))')")
endif()
set(ENV{ZIG} "${ZIG}")  # for CMake's own trial builds, which read this file again

set(CMAKE_C_COMPILER "${ZIG}" cc)
set(CMAKE_CXX_COMPILER "${ZIG}" c++)
# `zig ar` is two words; CMAKE_AR has room for one.
foreach(language C CXX)
  set(CMAKE_${language}_ARCHIVE_CREATE "${ZIG} ar qc <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_APPEND "${ZIG} ar q <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_FINISH "${ZIG} ranlib <TARGET>")
endforeach()
# zig adds -fsanitize=undefined to debug builds; its runtime is not wanted here.
string(APPEND CMAKE_C_FLAGS_INIT " -fno-sanitize=undefined")
string(APPEND CMAKE_CXX_FLAGS_INIT " -fno-sanitize=undefined")
