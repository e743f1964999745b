# CF_LIBRARY(VARIABLE, MODULE, VERSION, FUNCTION, [LIBRARIES OF ITS OWN])
#
# PKG_CHECK_MODULES, and then from the library's archive when enable_static_libs is yes or auto and
# a program that calls FUNCTION can be linked so. Parts of the C library stay as they are, and so
# does what the caller gave as VARIABLE_LIBS.
AC_DEFUN([CF_LIBRARY], [
  AS_VAR_SET_IF([$1_LIBS], [cf_library=given], [cf_library=no])
  PKG_CHECK_MODULES([$1], [$2 >= $3])
  AS_IF([test "x$enable_static_libs" != xno && test $cf_library != given],
    [AC_MSG_CHECKING([for an archive of $2])
     cf_words=
     for cf_word in `$PKG_CONFIG --static --libs "$2"`; do
       AS_CASE([$cf_word],
         [-pthread | -lpthread | -ldl | -lrt | -lm | -lc], [],
         [cf_words="$cf_words $cf_word"])
     done
     cf_words="-Wl,--push-state,-Bstatic$cf_words -Wl,--pop-state"
     cf_saved=$LIBS
     LIBS="$cf_words $5 $PTHREAD_LIBS $LIBS"
     AC_LINK_IFELSE([AC_LANG_CALL([], [$4])], [cf_library=yes])
     LIBS=$cf_saved
     AC_MSG_RESULT([$cf_library])
     AS_IF([test $cf_library = yes],
       [$1_LIBS=$cf_words],
       [test "x$enable_static_libs" = xyes],
       [AC_MSG_ERROR([--enable-static-libs: $2 cannot be linked from an archive; config.log says why. Install it, or leave the option out])])])
])
