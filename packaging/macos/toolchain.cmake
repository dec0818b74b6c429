# CMake toolchain: the clang of the `ziglang` wheel, compiling for a Mac with Apple Silicon and
# macOS 14, on any machine. Apple's frameworks are the text stubs of csrc/apple/lib.
#
#   cmake -DCMAKE_TOOLCHAIN_FILE=packaging/macos/toolchain.cmake -DZIG=<the zig executable> …
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/zig.cmake)

set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(target aarch64-macos.14.0)
set(CMAKE_C_COMPILER_TARGET ${target})
set(CMAKE_CXX_COMPILER_TARGET ${target})

# CMake asks Xcode for these; here there is none, and zig's target says them.
set(CMAKE_OSX_SYSROOT "" CACHE STRING "")
set(CMAKE_OSX_DEPLOYMENT_TARGET "" CACHE STRING "")
set(CMAKE_OSX_ARCHITECTURES "" CACHE STRING "")
set(CMAKE_INSTALL_NAME_TOOL true)  # nothing is installed under another name

get_filename_component(apple ${CMAKE_CURRENT_LIST_DIR}/../../csrc/apple ABSOLUTE)
foreach(language C CXX)
  string(APPEND CMAKE_${language}_FLAGS_INIT " -isystem ${apple}/common")
endforeach()
# zig's linker strips with -s; the map keeps this machine's folders out of the file.
foreach(kind SHARED MODULE EXE)
  string(APPEND CMAKE_${kind}_LINKER_FLAGS_INIT " -F ${apple}/lib -L ${apple}/lib")
endforeach()
string(APPEND CMAKE_MODULE_LINKER_FLAGS_INIT " -s")
set(CMAKE_USER_MAKE_RULES_OVERRIDE ${CMAKE_CURRENT_LIST_DIR}/rules.cmake)
