# The Metal backend's objects, added to gptoss_core.
find_package(Python REQUIRED COMPONENTS Interpreter)

set(GPTOSS_METAL_CPP "${CMAKE_CURRENT_SOURCE_DIR}/build/metal-cpp" CACHE PATH
  "Apple's metal-cpp headers; fetched into this folder when it is missing")
execute_process(
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/packaging/metal_cpp.py ${GPTOSS_METAL_CPP}
  COMMAND_ERROR_IS_FATAL ANY)

# The kernels travel as one source text inside the library.
file(GLOB kernel_files CONFIGURE_DEPENDS metal/*.h metal/*.metal)
set(kernel_source ${CMAKE_CURRENT_BINARY_DIR}/kernel_source.cpp)
add_custom_command(
  OUTPUT ${kernel_source}
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/packaging/kernel_source.py
    ${CMAKE_CURRENT_SOURCE_DIR}/metal ${kernel_source}
  DEPENDS ${kernel_files} ${CMAKE_CURRENT_SOURCE_DIR}/packaging/kernel_source.py
  VERBATIM)

# Where Xcode has Apple's compiler, its output as well: nothing is left to compile when loading.
set(metallib_source "")
if(CMAKE_HOST_APPLE AND NOT DEFINED GPTOSS_METALLIB)
  execute_process(COMMAND xcrun -sdk macosx --find metal
    RESULT_VARIABLE no_metal OUTPUT_QUIET ERROR_QUIET)
  if(no_metal EQUAL 0)
    set(found ON)
  else()
    set(found OFF)
  endif()
  set(GPTOSS_METALLIB ${found} CACHE BOOL "Compile the kernels when building, with xcrun metal")
endif()
if(GPTOSS_METALLIB)
  set(metallib_source ${CMAKE_CURRENT_BINARY_DIR}/kernel_library.cpp)
  add_custom_command(
    OUTPUT ${metallib_source}
    COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/packaging/metallib.py
      ${CMAKE_CURRENT_SOURCE_DIR}/metal ${metallib_source}
    DEPENDS ${kernel_files} ${CMAKE_CURRENT_SOURCE_DIR}/packaging/metallib.py
    VERBATIM)
endif()

file(GLOB metal_sources CONFIGURE_DEPENDS csrc/metal/*.cpp)
add_library(gptoss_metal OBJECT ${metal_sources} ${kernel_source} ${metallib_source})
set(metal_includes ${GPTOSS_METAL_CPP})
if(NOT APPLE)
  list(APPEND metal_includes csrc/apple/common csrc/apple/linux)
endif()
target_include_directories(gptoss_metal PRIVATE csrc csrc/include ${CMAKE_CURRENT_SOURCE_DIR})
target_include_directories(gptoss_metal SYSTEM PRIVATE ${metal_includes})
target_include_directories(gptoss_core PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_include_directories(gptoss_core SYSTEM PUBLIC ${metal_includes})
target_compile_options(gptoss_core PUBLIC -fblocks)
# metal-cpp's names stay inside the library: others in the process may have them, too.
target_compile_definitions(gptoss_metal PRIVATE METALCPP_SYMBOL_VISIBILITY_HIDDEN)
target_compile_options(gptoss_metal PRIVATE -fblocks -Wall -Wextra -ffp-contract=off)
if(GPTOSS_METALLIB)
  target_compile_definitions(gptoss_metal PRIVATE GPTOSS_METALLIB)
endif()
target_sources(gptoss_core PRIVATE $<TARGET_OBJECTS:gptoss_metal>)
target_compile_definitions(gptoss_core PUBLIC GPTOSS_METAL)

if(APPLE)
  target_link_libraries(gptoss_core PUBLIC "-framework Metal" "-framework Foundation" objc)
else()
  # The tests ask which lines of the host code ran (csrc/softmetal/coverage.h).
  target_compile_options(gptoss_metal PRIVATE -g -O0
    -fsanitize-coverage=bb,no-prune,inline-8bit-counters,pc-table)
  file(GLOB softmetal_sources CONFIGURE_DEPENDS csrc/softmetal/*.cpp csrc/softmetal/api/*.cpp
    csrc/softmetal/api/*/*.cpp csrc/softmetal/compiler/*.cpp csrc/softmetal/engine/*.cpp
    csrc/softmetal/check/*.cpp)
  add_library(softmetal OBJECT ${softmetal_sources})
  target_include_directories(softmetal PUBLIC csrc)
  target_include_directories(softmetal SYSTEM PUBLIC ${metal_includes})
  target_compile_definitions(softmetal PRIVATE
    SOFTMETAL_MSL_DIR="${CMAKE_CURRENT_SOURCE_DIR}/csrc/softmetal/msl")
  target_compile_options(softmetal PRIVATE -fblocks -Wall -Wextra -ffp-contract=off)
endif()
